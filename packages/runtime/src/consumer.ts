import type { Clock } from '@switchyard/agent';
import type { StepHint } from '@switchyard/journal';

/*
 * The ear of a worker, and the watch over it. A consumer can go deaf: after a network flap its connection looks alive and
 * brings nothing, for ever. So each worker puts a canary into the queue every few seconds, a job like any other. Whoever
 * takes jobs hears canaries, its own or another's; who has free hands and hears nothing while the queue takes canaries is
 * deaf, and gets new connections.
 *
 *   hearing → hearing   a job came, or all hands are full
 *   hearing → deaf      nothing for 10 s with free hands, and the queue has answered for 4 s
 *   deaf → hearing      the consumer is made anew; jobs in hand go on
 */

const CANARY_MS = 2_000;
/** Without a job for so long a worker with free hands is not ready, and deaf if the queue answers. */
export const DEAF_MS = 10_000;
/** A queue that has just come back gets so long to bring something through the connections there are. */
const SETTLED_MS = 4_000;

/** What takes a hint. It must not throw; its promise ends when the step, and what the worker kept after it, has ended. */
export type HintHandler = (hint: StepHint) => Promise<void>;

/** A running consumer. */
export interface Consumption {
  /** Whether jobs reach it: one came within 10 s, or all its hands are full. */
  hears(): boolean;
  /** Takes no further job; those in hand go on. Returns at once. */
  pause(): void;
  /** Ends the consumer without waiting for jobs in hand. */
  close(): Promise<void>;
}

/** Jobs of this name are canaries; they carry nothing. */
export const CANARY = 'canary';

/** A job as a consumer gets it. */
export type Job = { readonly name: string; readonly data: StepHint };

/** One consumer on connections of its own. */
export type Taking = {
  /** Takes no further job. */
  pause(): void;
  /** Ends it without waiting for jobs in hand, nor for a server that does not answer. */
  close(): Promise<void>;
};

/** What a consumer is made of. */
export type ConsumerParts = {
  readonly start: (process: (job: Job) => Promise<void>, concurrency: number) => Taking;
  /** Puts this worker's canary in the queue; false: the queue does not answer. One that still waits there is enough. */
  readonly addCanary: () => Promise<boolean>;
  readonly clock: Clock;
  readonly warn: (message: string) => void;
};

/** Takes jobs until it is closed. */
export class Consumer implements Consumption {
  readonly #parts: ConsumerParts;
  readonly #handler: HintHandler;
  readonly #concurrency: number;
  readonly #ended = new AbortController();
  #taking: Taking;
  #inHand = 0;
  #heardAt: number;
  /** Since when every canary was taken by the queue; null: the last was not. */
  #answersSince: number | null = null;

  constructor(handler: HintHandler, concurrency: number, parts: ConsumerParts) {
    this.#parts = parts;
    this.#handler = handler;
    this.#concurrency = concurrency;
    this.#heardAt = parts.clock.elapsed();
    this.#taking = this.#start();
    void this.#watch();
  }

  hears(): boolean {
    return this.#silentFor() < DEAF_MS;
  }

  pause(): void {
    this.#ended.abort();
    this.#taking.pause();
  }

  async close(): Promise<void> {
    this.#ended.abort();
    await this.#taking.close();
  }

  #start(): Taking {
    return this.#parts.start(async ({ name, data }) => {
      this.#heardAt = this.#parts.clock.elapsed();
      if (name === CANARY) return;
      this.#inHand += 1;
      try {
        await this.#handler(data);
      } finally {
        this.#inHand -= 1;
        this.#heardAt = this.#parts.clock.elapsed();
      }
    }, this.#concurrency);
  }

  /** Milliseconds without a sign of life. Full hands ask for none. */
  #silentFor(): number {
    return this.#inHand >= this.#concurrency ? 0 : this.#parts.clock.elapsed() - this.#heardAt;
  }

  async #watch(): Promise<void> {
    const { clock } = this.#parts;
    const { signal } = this.#ended;
    while (!signal.aborted) {
      const asked = await this.#parts.addCanary();
      this.#answersSince = asked ? (this.#answersSince ?? clock.elapsed()) : null;
      if (!signal.aborted && this.#isDeaf()) this.#makeAnew();
      await clock.sleep(CANARY_MS, signal).catch(() => {});
    }
  }

  #isDeaf(): boolean {
    if (this.hears() || this.#answersSince === null) return false;
    return this.#parts.clock.elapsed() - this.#answersSince >= SETTLED_MS;
  }

  #makeAnew(): void {
    this.#parts.warn('queue consumer: nothing was heard for 10 s although the queue answers; it is made anew');
    void this.#taking.close();
    this.#heardAt = this.#parts.clock.elapsed();
    this.#taking = this.#start();
  }
}
