import type { Clock } from '@switchyard/agent';
import type { System } from '../../packages/journal/src/system.ts';
import { type Appointment, type Chance, settle, type Timeline } from './timeline.ts';

/** 2026-01-01 UTC: where all clocks of a simulation begin. */
export const EPOCH = Date.UTC(2026, 0, 1);

const MICRO = 0.001;

/**
 * A simulated process: a clock of its own, and the gate through which everything from outside reaches it. A crashed one
 * hears nothing any more, so its code never goes on; a stopped one (SIGSTOP) hears it all when it goes on.
 */
export class Process {
  readonly name: string;
  readonly chance: Chance;
  readonly #timeline: Timeline;
  readonly #skewMs: number;
  #alive = true;
  #stoppedUntil = 0;
  /** Called when it crashes: its connections end. */
  readonly onCrash: (() => void)[] = [];

  constructor(options: {
    readonly name: string;
    readonly timeline: Timeline;
    readonly chance: Chance;
    readonly skewMs: number;
  }) {
    this.name = options.name;
    this.chance = options.chance;
    this.#timeline = options.timeline;
    this.#skewMs = options.skewMs;
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Ends it between two of its steps. */
  crash(): void {
    if (!this.#alive) return;
    this.#alive = false;
    for (const end of this.onCrash) end();
  }

  /** Nothing of it goes on for so long. */
  stopFor(ms: number): void {
    this.#stoppedUntil = Math.max(this.#stoppedUntil, this.#timeline.now + ms);
  }

  /** Calls into the process after `ms`, or later when it is stopped then, or never. */
  enter(ms: number, call: () => void): Appointment {
    return this.#timeline.after(ms, () => this.#gate(call));
  }

  #gate(call: () => void): void {
    if (!this.#alive) return;
    if (this.#timeline.now < this.#stoppedUntil)
      this.#timeline.after(this.#stoppedUntil - this.#timeline.now, () => this.#gate(call));
    else call();
  }

  readonly clock: Clock = {
    now: () => Math.floor(EPOCH + this.#timeline.now + this.#skewMs),
    elapsed: () => this.#timeline.now + 1_000_000,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const given = (): void => {
          alarm.call = null;
          reject(signal?.reason);
        };
        const alarm = this.enter(ms, () => {
          signal?.removeEventListener('abort', given);
          resolve();
        });
        signal?.addEventListener('abort', given, { once: true });
      }),
  };

  /** Time as the journal's client takes it. */
  readonly system: System = {
    elapsed: () => this.clock.elapsed(),
    sleep: (ms) => this.clock.sleep(ms),
    every: (ms, tick) => {
      let stopped = false;
      const again = (): void => {
        if (stopped) return;
        this.enter(ms, () => {
          if (stopped) return;
          tick();
          again();
        });
      };
      again();
      return {
        stop: () => {
          stopped = true;
        },
      };
    },
    after: (ms, call) => {
      let stopped = false;
      this.enter(ms, () => {
        if (!stopped) call();
      });
      return {
        stop: () => {
          stopped = true;
        },
      };
    },
  };
}

/** Keeps appointments one by one until `done`, or none is left, or the clock passes `untilMs`. Answers whether it is done. */
export async function runUntil(timeline: Timeline, done: () => boolean, untilMs: number): Promise<boolean> {
  while (!done()) {
    if (timeline.now > untilMs || !timeline.step()) return false;
    await settle();
  }
  return true;
}

/** A time just after now: for what must come in order but not at once. */
export const SOON_MS = MICRO;
