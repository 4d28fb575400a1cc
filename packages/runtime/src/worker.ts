import type { Clock } from '@switchyard/agent';
import type { Database, StepHint, WorkerSession } from '@switchyard/journal';
import { callsOn } from './calls.ts';
import type { Consumption } from './consumer.ts';
import type { NodePorts } from './contract.ts';
import type { Dispatch } from './dispatch.ts';
import { type ExecutorParts, executeStep } from './execute-step.ts';
import { HeldSteps } from './held-steps.ts';
import { RunCache } from './run-cache.ts';
import type { WrittenListener } from './settle-step.ts';
import { ValueReader } from './values.ts';

/*
 * A worker's life:
 *
 *   starting → working    registered in the journal (an advisory lock on its own connection), takes jobs
 *   working  → working    declared dead, or no answer to a pulse for 8 s: everything in hand is dropped and aborted, and
 *                         if it was declared dead it registers anew under another id
 *   working  → stopping   stop(): takes nothing, keeps no successor, gives what runs 20 s
 *   stopping → stopped    what still runs is aborted and released; others take it over without counting a crash
 *
 * Four loops beside the jobs: pulse (each second), watchdog, sweep (four a second), and the ear for cancels.
 */

const PULSE_MS = 1_000;
/** Without an answer for so long it drops everything; the journal frees the steps after 10 s. */
const SILENCE_MS = 8_000;
/** Without an answer for so long a process is of no use. */
const GONE_MS = 60_000;
const WATCHDOG_MS = 500;
const SWEEP_MS = 250;
const GRACE_MS = 20_000;
const LOOK_MS = 25;
/** The database's clock decides whether a step is due; a timer that fires a moment early would ring for nothing. */
const LATE_MS = 10;

/** What a worker is made of. */
export type WorkerOptions = {
  readonly database: Pick<Database, 'journal' | 'catalog' | 'control' | 'follower' | 'registerWorker' | 'onDue'>;
  readonly dispatch: Dispatch;
  readonly ports: NodePorts;
  readonly clock: Clock;
  /** Steps at a time. */
  readonly concurrency: number;
  /** Off: every step, pure ones too, has a row and a job. */
  readonly fastPath: boolean;
  /** Shown in the journal beside the worker. */
  readonly build: string;
  /** Told of each step that this worker has ended. */
  readonly onWritten?: WrittenListener;
  /** What an operator should know. */
  readonly warn: (message: string) => void;
};

/** How a worker is. */
export type WorkerHealth = {
  /** It can take work: jobs reach it, and the journal answers. */
  readonly ready: boolean;
  /** False: the journal has not answered for a minute, and a new process may do better. */
  readonly live: boolean;
  readonly hearsQueue: boolean;
  /** Seconds since the journal last answered. */
  readonly journalSilentSeconds: number;
};

/** A worker at work. */
export interface RunningWorker {
  /** Its present id in the journal. */
  id(): number;
  /** Steps in hand. */
  busy(): number;
  /** How it is; asking costs nothing. */
  health(): WorkerHealth;
  /** Ends it: no step is lost, none is counted as crashed. Safe to call twice. */
  stop(): Promise<void>;
}

/** Registers and begins to work. Rejects when the database does not take it. */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const worker = new Worker(options, await options.database.registerWorker({ build: options.build }));
  worker.start();
  return worker;
}

class Worker implements RunningWorker {
  readonly #options: WorkerOptions;
  readonly #held = new HeldSteps();
  readonly #ending = new AbortController();
  readonly #parts: ExecutorParts;
  readonly #closers: (() => void)[] = [];
  #session: WorkerSession;
  #consumption: Consumption | null = null;
  #lastPulse: number;
  #registering: Promise<void> | null = null;
  #stopped: Promise<void> | null = null;

  constructor(options: WorkerOptions, session: WorkerSession) {
    this.#options = options;
    this.#session = session;
    this.#lastPulse = options.clock.elapsed();
    const { journal, catalog, control } = options.database;
    const values = new ValueReader(journal);
    this.#parts = {
      journal,
      cache: new RunCache({ journal, revisions: catalog.revisions, warn: options.warn }),
      values,
      held: this.#held,
      ports: options.ports,
      calls: callsOn({ journal, catalog, control, values, clock: options.clock }),
      clock: options.clock,
      worker: () => this.#session.id,
      holdsLeases: () => this.#holdsLeases(),
      fastPath: () => options.fastPath && !this.#ending.signal.aborted,
      ring: (hints) => options.dispatch.ring(hints),
      ringLater: (hint, ms) => void this.#ringLater(hint, ms),
      onDead: () => this.#registerAnew(),
      warn: options.warn,
      ...(options.onWritten ? { onWritten: options.onWritten } : {}),
    };
  }

  id(): number {
    return this.#session.id;
  }

  busy(): number {
    return this.#held.size;
  }

  health(): WorkerHealth {
    const silent = this.#options.clock.elapsed() - this.#lastPulse;
    const hearsQueue = this.#consumption?.hears() ?? false;
    const ready = hearsQueue && silent < SILENCE_MS && !this.#ending.signal.aborted;
    return { ready, live: silent < GONE_MS, hearsQueue, journalSilentSeconds: Math.floor(silent / 1_000) };
  }

  start(): void {
    const { database, dispatch, concurrency } = this.#options;
    const due = database.onDue((hints) => void dispatch.ring(hints));
    const ear = database.follower.watch((runId, seq) => void this.#hear(runId, seq));
    this.#closers.push(
      () => due.close(),
      () => ear.close(),
    );
    void this.#every(PULSE_MS, () => this.#pulse());
    void this.#every(WATCHDOG_MS, async () => this.#watch());
    void this.#every(SWEEP_MS, () => this.#sweep());
    this.#consumption = dispatch.consume((hint) => this.#take(hint), concurrency);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#end();
    return this.#stopped;
  }

  async #take(hint: StepHint): Promise<void> {
    if (!this.#ending.signal.aborted) await executeStep(hint, this.#parts);
  }

  /** Repeats until the worker stops. An error is told and the next round comes. */
  async #every(ms: number, round: () => Promise<void>): Promise<void> {
    const { warn } = this.#options;
    while (!this.#ending.signal.aborted) {
      await round().catch((error: unknown) => warn(error instanceof Error ? error.message : String(error)));
      await this.#pause(ms);
    }
  }

  /** Waits, or not when the worker stops. */
  async #pause(ms: number): Promise<void> {
    await this.#options.clock.sleep(ms, this.#ending.signal).catch(() => {});
  }

  async #pulse(): Promise<void> {
    const session = this.#session;
    // the lease is renewed between the question and the answer, and a process that was stopped may hear the answer very late
    const asked = this.#options.clock.elapsed();
    const answer = await session.pulse();
    if (session === this.#session) this.#lastPulse = asked;
    if (answer.outcome === 'dead') return this.#registerAnew();
    for (const orphan of this.#held.compare(answer.held)) await session.release(orphan);
  }

  /** Others may have taken the steps over when nothing was heard for long: a process that was stopped goes on as if nothing had been. */
  #holdsLeases(): boolean {
    return this.#options.clock.elapsed() - this.#lastPulse < SILENCE_MS;
  }

  /** Effects must not go on beyond the lease: others may take the steps over soon. */
  #watch(): void {
    if (this.#held.size === 0 || this.#holdsLeases()) return;
    this.#options.warn('the journal has not answered for 8 s; what runs is dropped');
    this.#held.loseAll('The journal did not answer for 8 s.');
  }

  async #sweep(): Promise<void> {
    const { dispatch, concurrency } = this.#options;
    const hints = await this.#session.sweep();
    const unheard = await dispatch.ringAgain(hints);
    const freeHands = Math.max(0, concurrency - this.#held.size);
    for (const hint of unheard.slice(0, freeHands)) void this.#take(hint);
    await dispatch.insist(unheard.slice(freeHands));
  }

  /** Another process moved a run: if it was cancelled, what we hold of it ends now and not with the next pulse. */
  async #hear(runId: string, seq: number): Promise<void> {
    if (this.#held.ofRun(runId).length === 0) return;
    try {
      const run = await this.#parts.cache.peek(runId);
      if (!run || seq <= run.state.seq) return;
      await run.exclusively(() => run.refresh());
      if (run.state.cancelRequested !== null) this.#held.stopRun(runId);
    } catch {
      // The pulse says it too.
    }
  }

  async #ringLater(hint: StepHint, ms: number): Promise<void> {
    const { dispatch } = this.#options;
    await this.#pause(ms + LATE_MS);
    if (!this.#ending.signal.aborted) await dispatch.ring([hint]);
  }

  #registerAnew(): Promise<void> {
    this.#registering ??= this.#register().finally(() => {
      this.#registering = null;
    });
    return this.#registering;
  }

  async #register(): Promise<void> {
    const { database, warn, build } = this.#options;
    warn(`worker ${this.#session.id} was declared dead; it goes on under a new id`);
    this.#held.loseAll('This worker was declared dead.');
    await this.#session.close().catch(() => {});
    this.#session = await database.registerWorker({ build });
    this.#lastPulse = this.#options.clock.elapsed();
  }

  async #end(): Promise<void> {
    const { clock } = this.#options;
    this.#ending.abort();
    this.#consumption?.pause();
    for (const close of this.#closers) close();
    const until = clock.elapsed() + GRACE_MS;
    while (this.#held.size > 0 && clock.elapsed() < until) await this.#whileStopping();
    this.#held.loseAll('This worker is shutting down.');
    await this.#registering?.catch(() => {});
    await this.#session.close();
    await this.#consumption?.close();
  }

  /** Leases must live on while the last steps end. */
  async #whileStopping(): Promise<void> {
    const { clock } = this.#options;
    if (clock.elapsed() - this.#lastPulse > PULSE_MS) {
      await this.#pulse().catch(() => {});
      this.#lastPulse = clock.elapsed();
    }
    await clock.sleep(LOOK_MS);
  }
}
