import type { StepHint } from '@switchyard/journal';
import type { Consumption, Dispatch, HintHandler } from '@switchyard/runtime';
import type { Process } from './process.ts';
import type { Chance, Timeline } from './timeline.ts';

/*
 * The doorbell in memory: a queue of jobs whose ids swallow doubles, as BullMQ's do, and which loses, doubles and delays as
 * BullMQ may. A job of a crashed consumer comes back when it is found stalled.
 */

const STALLED_MS = 30_000;

/** How often the queue fails whom, each in [0, 1]. */
export type QueueFaults = { readonly lost: number; readonly doubled: number; readonly delayed: number };

type Job = { readonly id: string; readonly hint: StepHint };
type Consumer = {
  readonly process: Process;
  readonly handler: HintHandler;
  readonly concurrency: number;
  readonly busy: Set<Job>;
  paused: boolean;
};

/** The queue of all processes. */
export class MemoryQueue {
  readonly #timeline: Timeline;
  readonly #chance: Chance;
  readonly #faults: QueueFaults;
  readonly #fired: (fault: string) => void;
  readonly #waiting = new Map<string, Job>();
  readonly #active = new Map<string, Job>();
  readonly #consumers = new Set<Consumer>();

  constructor(options: {
    readonly timeline: Timeline;
    readonly chance: Chance;
    readonly faults: QueueFaults;
    readonly fired: (fault: string) => void;
  }) {
    this.#timeline = options.timeline;
    this.#chance = options.chance;
    this.#faults = options.faults;
    this.#fired = options.fired;
  }

  /** The queue as one process sees it. */
  dispatchOf(process: Process): Dispatch {
    const idOf = (hint: StepHint, ring: number): string => `${hint.runId}.${hint.stepKey}.${hint.epoch}.${ring}`;
    let rings = 0;
    return {
      ring: async (hints) => {
        for (const hint of hints) this.#add({ id: idOf(hint, 0), hint });
      },
      ringAgain: async (hints) => {
        const inHand = hints.filter((hint) => this.#active.has(idOf(hint, 0)));
        for (const hint of hints) this.#add({ id: idOf(hint, 0), hint });
        return inHand;
      },
      insist: async (hints) => {
        for (const hint of hints) {
          rings += 1;
          this.#add({ id: `${idOf(hint, rings)}.${process.name}`, hint });
        }
      },
      consume: (handler, concurrency) => this.#consume({ process, handler, concurrency }),
      close: async () => {},
    };
  }

  #add(job: Job): void {
    if (this.#waiting.has(job.id) || this.#active.has(job.id)) return;
    if (this.#chance.happens(this.#faults.lost)) return this.#fired('lost job');
    if (this.#chance.happens(this.#faults.doubled)) {
      this.#fired('doubled job');
      this.#later(this.#chance.between(0, 200), { ...job, id: `${job.id}.again` });
    }
    if (this.#chance.happens(this.#faults.delayed)) {
      this.#fired('delayed job');
      return this.#later(this.#chance.between(100, 20_000), job);
    }
    this.#later(this.#chance.between(0.1, 1), job);
  }

  #later(ms: number, job: Job): void {
    this.#timeline.after(ms, () => {
      this.#waiting.set(job.id, job);
      this.#deliver();
    });
  }

  #consume(by: Pick<Consumer, 'process' | 'handler' | 'concurrency'>): Consumption {
    const consumer: Consumer = { ...by, busy: new Set(), paused: false };
    this.#consumers.add(consumer);
    by.process.onCrash.push(() => this.#lost(consumer));
    this.#deliver();
    const end = (): void => {
      consumer.paused = true;
      this.#consumers.delete(consumer);
    };
    return { hears: () => true, pause: end, close: async () => end() };
  }

  #lost(consumer: Consumer): void {
    this.#consumers.delete(consumer);
    for (const job of consumer.busy)
      this.#timeline.after(STALLED_MS, () => {
        this.#active.delete(job.id);
        this.#waiting.set(job.id, job);
        this.#deliver();
      });
  }

  #deliver(): void {
    for (const job of [...this.#waiting.values()]) {
      const free = [...this.#consumers].filter((one) => !one.paused && one.busy.size < one.concurrency);
      const taker = free[this.#chance.below(free.length)];
      if (taker === undefined) return;
      this.#waiting.delete(job.id);
      this.#active.set(job.id, job);
      taker.busy.add(job);
      taker.process.enter(0, () => this.#work(taker, job));
    }
  }

  #work(taker: Consumer, job: Job): void {
    void taker.handler(job.hint).finally(() => {
      taker.busy.delete(job);
      this.#active.delete(job.id);
      this.#deliver();
    });
  }
}
