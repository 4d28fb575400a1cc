import type { EventBody, JournalEvent } from '@switchyard/pipeline';
import type { Pool } from 'pg';
import type { Catalog } from './catalog/contract.ts';
import type { BlobContent, Journal, RunRowState, StepHint, StepRowState, WorkerSession } from './contract.ts';

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

/** What the cancel met. `state` is the run's after it; `cancelling`: it still has a held step. */
export type CancelAnswer =
  | { readonly outcome: 'unknown' }
  | { readonly outcome: 'cancelled' | 'cancelling' | 'over'; readonly state: RunRowState };

/** `paused` also when it was before. */
export type PauseAnswer =
  | { readonly outcome: 'unknown' }
  | { readonly outcome: 'paused' | 'over'; readonly state: RunRowState };

/** A run and all its step rows as they are at one moment: what a structural append without speaker is planned on. */
export type RunRows = {
  readonly runId: string;
  readonly pipelineId: string;
  readonly revisionId: string;
  readonly state: RunRowState;
  readonly seq: number;
  readonly version: number;
  readonly cancelRequested: boolean;
  readonly paused: boolean;
  /** Ended ones too: no key is opened twice. */
  readonly steps: readonly {
    readonly stepKey: string;
    readonly epoch: number;
    readonly state: StepRowState;
    readonly held: boolean;
  }[];
};

/** A run that failed, or was cancelled by the system, and of which error pipelines are still to be told. */
export type Alarm = { readonly runId: string; readonly projectId: string; readonly at: string };

/** What people do to running runs. One transaction per run, answered when it stands in the journal. */
export interface RunControl {
  /** Free steps end at once, held ones are asked to stop; so for every living descendant, those that begin meanwhile included. Again is harmless. */
  cancel(request: { readonly runId: string; readonly by: string; readonly reason?: string }): Promise<CancelAnswer>;
  /**
   * No step of the run or of its living descendants is claimed any more; held ones go on. To resume, append `run.resumed` without
   * speaker to each run of `family`, planned on its `rows`: open what is ready and has no row, touch waits with reason `paused` as due.
   * What a claim met meanwhile becomes due by itself.
   */
  pause(request: { readonly runId: string; readonly by: string }): Promise<PauseAnswer>;
  /** The run, if it lives, and its living descendants, parents first. */
  family(runId: string): Promise<readonly string[]>;
  /** Null: no such run. */
  rows(runId: string): Promise<RunRows | null>;
  /**
   * Writes an answer (approval.decided, tool.decided, step.woken; several at once in order) and makes the waiting step due, once:
   * `not_waiting` if it no longer waits under this epoch.
   */
  wake(
    request: StepHint & { readonly event: EventBody | readonly EventBody[]; readonly blobs?: readonly BlobContent[] },
  ): Promise<'woken' | 'not_waiting'>;
  /** Oldest first. Written with the end of the run while any published pipeline begins with `trigger.error`; never for runs that such a trigger began. */
  alarms(limit: number): Promise<readonly Alarm[]>;
  /** Once the error pipelines' runs stand in the journal (dedup key per run: two servers may do it). Again is harmless. */
  closeAlarm(runId: string): Promise<void>;
}

/** What retention deleted; bytes as the journal counts them, without indexes. */
export type PruneAnswer = {
  readonly runs: number;
  readonly runBytes: number;
  readonly blobs: number;
  readonly blobBytes: number;
};

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
  /**
   * Retention, for a server to call once a minute; two at once are harmless. Whole families of ended runs go when they are older
   * than the pipeline of their root keeps runs, or beyond the bytes it may hold (oldest first, never the newest): never one with a
   * living member or an open alarm. Values go ten minutes after their last reference.
   */
  prune(): Promise<PruneAnswer>;
  /** Rings what is still unsaid, then ends all connections. */
  close(): Promise<void>;
}
