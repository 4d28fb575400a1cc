import type { EventBody, JournalEvent } from '@switchyard/pipeline';
import type { Pool } from 'pg';
import type { Catalog } from './catalog/contract.ts';
import type { Journal, RunRowState, StepHint, WorkerSession } from './contract.ts';

/** What a process opens: the journal, the catalogue and the bells between processes. */
export type DatabaseOptions = {
  /** `postgres://…`; a transaction pooler is possible, then deaths are seen after 10 s instead of half a second. */
  readonly url: string;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
  /** Project of the catalogue; LOCAL_PROJECT when absent. */
  readonly projectId?: string;
  /** Announce steps opened for others on the `switchyard_due` channel: set by processes that have no queue (the server). */
  readonly announceDue?: boolean;
  /** 32 bytes that seal keys and credentials; without it nothing sealed can be written or read. */
  readonly secretKey?: Buffer;
  /** Connections of the pool, 10 when absent. Listener, bell, worker session and queue have their own. */
  readonly maxConnections?: number;
  /** Called with what an operator should know (no app role, pooler, lost listener). Absent: not said. */
  readonly warn?: (message: string) => void;
};

/** Ends what `follow`, `watch` or `onDue` began; safe to call twice. */
export type Subscription = { readonly close: () => void };

/**
 * Tells what was committed. Each follower sees every event of its run once, in order, without holes: a lost bell or
 * connection costs at most a second.
 */
export interface Follower {
  /** `after`: the last seq the caller has; 0 for all. Batches are dense and never empty. */
  follow(runId: string, after: number, listener: (events: readonly JournalEvent[]) => void): Subscription;
  /** Any run of the installation moved to `seq`; calls may be repeated or gathered. For lists. */
  watch(listener: (runId: string, seq: number) => void): Subscription;
}

/** What the cancel met. `state` is the run's after it; `cancelling` lists the runs (it and its descendants) that still have a held step. */
export type CancelAnswer =
  | { readonly outcome: 'unknown' }
  | { readonly outcome: 'cancelled' | 'cancelling' | 'over'; readonly state: RunRowState };

/** What people do to running runs. One transaction per run, answered when it stands in the journal. */
export interface RunControl {
  /** Free steps end at once, held ones are asked to stop, living descendants likewise. Again is harmless. */
  cancel(request: { readonly runId: string; readonly by: string; readonly reason?: string }): Promise<CancelAnswer>;
  /** Writes an answer (approval.decided, tool.decided, step.woken) and makes the waiting step due, once: `not_waiting` if it no longer waits under this epoch. */
  wake(request: StepHint & { readonly event: EventBody }): Promise<'woken' | 'not_waiting'>;
}

/** An open database. Made by `openDatabase`. */
export interface Database {
  readonly journal: Journal;
  readonly control: RunControl;
  readonly follower: Follower;
  readonly catalog: Catalog;
  /** A new worker id with its advisory lock on a direct connection. */
  registerWorker(options: { readonly build: string }): Promise<WorkerSession>;
  /** A new pool with the owner's rights and `search_path=bullmq`, for the queue; ended by `close` if still open. */
  queuePool(): Pool;
  /** Steps that processes without a queue opened: ring the queue for them. Losing one is harmless, the sweep rings. */
  onDue(listener: (hints: readonly StepHint[]) => void): Subscription;
  /** Rings what is still unsaid, then ends all connections. */
  close(): Promise<void>;
}
