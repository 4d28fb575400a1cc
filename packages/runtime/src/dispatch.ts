import { randomUUID } from 'node:crypto';
import type { Clock } from '@switchyard/agent';
import type { Database, StepHint } from '@switchyard/journal';
import { createPostgresBackend, createRedisBackend, type JobsOptions, runMigrations, withBackend } from 'bullmq';
import { Redis } from 'ioredis';
import { CANARY, Consumer, type Consumption, type HintHandler, type Job, type Taking } from './consumer.ts';

/*
 * The doorbell. A job says "look at step S of run R, as it was at epoch E" and nothing else: losing, repeating or delaying
 * one can never lose, repeat or corrupt work, because the step is claimed in Postgres before anybody acts.
 *
 * A job's id is `run.step.epoch.ring`. BullMQ ignores an `add` whose id still exists, and that is used: ringing again for
 * a step whose job still waits in line adds nothing. Jobs leave no trace when they end (a kept id would swallow the next
 * ring). The counter is raised only when the old job sits in the hands of a worker that may be dead (`insist`).
 */

/** Name of the queue in both back ends. */
export const QUEUE_NAME = 'steps';

/** After an error of its connection a consumer may idle for some seconds; till then who can should not rely on it. */
const SHAKY_MS = 15_000;

/** What a canary carries. */
const NO_HINT: StepHint = { runId: '', stepKey: '', epoch: 0 };

/** How long a ring may take before the queue counts as unreachable. */
const RING_MS = 2_000;
/** After a ring that failed the queue is not asked for so long; till then sweepers do what they can themselves. */
const DOWN_MS = 5_000;

/** The queue, as the rest of the runtime sees it. Nothing here throws because of a queue that cannot be reached. */
export interface Dispatch {
  /** Rings for steps just made due. Lost rings are rung again by the sweep. */
  ring(hints: readonly StepHint[]): Promise<void>;
  /**
   * Rings for steps the sweep found due and unclaimed. Answers with those no bell will help: the queue cannot be reached,
   * or the old job is in somebody's hands. The caller claims them itself, or calls `insist`.
   */
  ringAgain(hints: readonly StepHint[]): Promise<readonly StepHint[]>;
  /** Rings past a job that is in somebody's hands. */
  insist(hints: readonly StepHint[]): Promise<void>;
  /** Begins to take jobs, `concurrency` at a time. Once per dispatch. */
  consume(handler: HintHandler, concurrency: number): Consumption;
  /** Ends all connections it made. */
  close(): Promise<void>;
}

/** Where the queue lives. `redisUrl` absent: in the database itself. */
export type DispatchOptions = {
  readonly database: Pick<Database, 'queuePool'>;
  readonly redisUrl?: string;
  readonly clock: Clock;
  /** What an operator should know; repeated while a queue is down. */
  readonly warn: (message: string) => void;
  /** Keys in Redis begin with it. Absent: a name of this database's own, so that installations can share one Redis. */
  readonly prefix?: string;
};

/** After an error a consumer tries again so soon; BullMQ's own 15 s are longer than anybody wants to wait. */
const PATIENCE = { runRetryDelay: 1_000 };

const JOB: JobsOptions = { attempts: 1, removeOnComplete: true, removeOnFail: true };

/** The id of a hint's job. Ids may not hold ':', and a step key may be a path: other signs than letters, digits, _ and - become ~hex. */
export const jobId = (hint: StepHint, ring: number): string =>
  `${hint.runId}.${hint.stepKey.replace(/[^A-Za-z0-9_-]/g, (sign) => `~${sign.charCodeAt(0).toString(16)}`)}.${hint.epoch}.${ring}`;

/** Opens the queue. On Postgres BullMQ's own tables are made first (schema `bullmq`, under its advisory lock); throws when that fails. */
export async function openDispatch(options: DispatchOptions): Promise<Dispatch> {
  const parts = options.redisUrl === undefined ? await onPostgres(options) : await onRedis(options, options.redisUrl);
  parts.queue.on('error', (error) => options.warn(`queue: ${error.message}`));
  return new BullDispatch(parts, options);
}

/** The few parts of a BullMQ back end used here. */
type QueueParts = {
  readonly queue: BullQueue;
  /** A consumer on connections of its own. */
  readonly startWorker: (process: (job: Job) => Promise<void>, concurrency: number) => StartedWorker;
  /** Lets go of a connection that looks alive and does not answer. */
  readonly redial: () => void;
  readonly end: () => Promise<void>;
};
type StartedWorker = { readonly worker: BullWorker; readonly release: () => void };
type BullQueue = {
  addBulk(jobs: { name: string; data: StepHint; opts: JobsOptions }[]): Promise<unknown>;
  getActive(): Promise<({ id?: string | undefined } | undefined)[]>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  close(): Promise<void>;
};
type BullWorker = {
  pause(doNotWaitActive: boolean): Promise<void>;
  close(force: boolean): Promise<void>;
  on(event: 'error', listener: (error: Error) => void): unknown;
};

async function onPostgres(options: DispatchOptions): Promise<QueueParts> {
  const pool = options.database.queuePool();
  pool.on('error', () => {}); // told again by each user of the pool
  const client = await pool.connect();
  try {
    await runMigrations(client);
  } finally {
    client.release();
  }
  const { Queue, Worker } = withBackend(createPostgresBackend);
  return {
    queue: new Queue<StepHint>(QUEUE_NAME, { connection: pool }),
    startWorker: (process, concurrency) => ({
      worker: new Worker<StepHint>(QUEUE_NAME, process, { connection: pool, concurrency, ...PATIENCE }),
      release: () => {},
    }),
    redial: () => {}, // the pool's own time-outs end such a connection
    end: async () => {
      if (!pool.ended && !pool.ending) await pool.end();
    },
  };
}

/** The first migration's id is random, and a copy of the database has another oid beside it. */
const DATABASE_NAME = `select 'switchyard-' || left(md5((select id from public._prisma_migrations order by started_at limit 1)
  || (select oid from pg_database where datname = current_database())), 16) as name`;

async function nameOfDatabase({ database }: DispatchOptions): Promise<string> {
  const pool = database.queuePool();
  try {
    const { rows } = await pool.query<{ name: string }>(DATABASE_NAME);
    return rows[0]?.name ?? 'switchyard';
  } finally {
    await pool.end();
  }
}

async function onRedis(options: DispatchOptions, url: string): Promise<QueueParts> {
  const quiet = (redis: Redis) => redis.on('error', () => {});
  // A ring must fail at once when Redis is away; a consumer must wait for it.
  const asking = quiet(new Redis(url, { maxRetriesPerRequest: 1, enableOfflineQueue: true }));
  const prefix = options.prefix ?? (await nameOfDatabase(options));
  const { Queue, Worker } = withBackend(createRedisBackend);
  return {
    queue: new Queue<StepHint>(QUEUE_NAME, { connection: asking, prefix }),
    startWorker: (process, concurrency) => {
      const waiting = quiet(new Redis(url, { maxRetriesPerRequest: null }));
      const worker = new Worker<StepHint>(QUEUE_NAME, process, {
        connection: waiting,
        prefix,
        concurrency,
        ...PATIENCE,
      });
      return { worker, release: () => waiting.disconnect() };
    },
    redial: () => asking.disconnect(true),
    end: async () => asking.disconnect(),
  };
}

class BullDispatch implements Dispatch {
  readonly #parts: QueueParts;
  readonly #options: DispatchOptions;
  #consumer: Consumer | null = null;
  #shakyUntil = 0;
  #downUntil = 0;

  constructor(parts: QueueParts, options: DispatchOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  async ring(hints: readonly StepHint[]): Promise<void> {
    if (this.#isDown()) return;
    await this.#add(hints, 0);
  }

  async ringAgain(hints: readonly StepHint[]): Promise<readonly StepHint[]> {
    if (hints.length === 0) return [];
    if (this.#isDown()) return hints;
    if (!(await this.#add(hints, 0))) return hints;
    if (this.#options.clock.elapsed() < this.#shakyUntil) return hints;
    const active = await this.#reach(() => this.#parts.queue.getActive());
    if (active === null) return hints;
    const inHand = new Set(active.map((job) => job?.id));
    return hints.filter((hint) => inHand.has(jobId(hint, 0)));
  }

  async insist(hints: readonly StepHint[]): Promise<void> {
    if (this.#isDown()) return;
    // The clock makes the counter new in every process; one that repeats within a millisecond is one ring, which is enough.
    await this.#add(hints, this.#options.clock.now());
  }

  consume(handler: HintHandler, concurrency: number): Consumption {
    if (this.#consumer) throw new Error('consume is called once per dispatch');
    const { clock, warn } = this.#options;
    const id = `${CANARY}.${randomUUID()}`;
    const canary = { name: CANARY, data: NO_HINT, opts: { ...JOB, jobId: id } };
    this.#consumer = new Consumer(handler, concurrency, {
      start: (process, hands) => this.#startTaking(process, hands),
      addCanary: async () => (await this.#reach(() => this.#parts.queue.addBulk([canary]))) !== null,
      clock,
      warn,
    });
    return this.#consumer;
  }

  #startTaking(process: (job: Job) => Promise<void>, concurrency: number): Taking {
    const { worker, release } = this.#parts.startWorker(process, concurrency);
    worker.on('error', (error) => {
      this.#shakyUntil = this.#options.clock.elapsed() + SHAKY_MS;
      this.#options.warn(`queue consumer: ${error.message}`);
    });
    return {
      pause: () => void worker.pause(true).catch(() => {}),
      close: async () => {
        const closing = worker.close(true).catch(() => {});
        release(); // so that closing does not wait for a server that is gone
        await closing;
      },
    };
  }

  async close(): Promise<void> {
    await this.#consumer?.close();
    await this.#parts.queue.close().catch(() => {});
    await this.#parts.end().catch(() => {});
  }

  async #add(hints: readonly StepHint[], ring: number): Promise<boolean> {
    if (hints.length === 0) return true;
    const jobs = hints.map(({ runId, stepKey, epoch }) => {
      const data = { runId, stepKey, epoch };
      return { name: 'step', data, opts: { ...JOB, jobId: jobId(data, ring) } };
    });
    return (await this.#reach(() => this.#parts.queue.addBulk(jobs))) !== null;
  }

  /** Null when the queue did not answer in time. */
  async #reach<T>(ask: () => Promise<T>): Promise<T | null> {
    const given = new AbortController();
    try {
      const late = this.#options.clock.sleep(RING_MS, given.signal).then(() => null);
      const answer = await Promise.race([ask(), late]);
      if (answer === null) {
        this.#missed('no answer');
        this.#parts.redial();
      }
      return answer;
    } catch (error) {
      this.#missed(error instanceof Error ? error.message : String(error));
      return null;
    } finally {
      given.abort();
    }
  }

  #isDown(): boolean {
    return this.#options.clock.elapsed() < this.#downUntil;
  }

  #missed(why: string): void {
    this.#downUntil = this.#options.clock.elapsed() + DOWN_MS;
    this.#options.warn(`queue: ${why}`);
  }
}
