import type { EventBody, JournalEvent, NewEvent } from '@switchyard/pipeline';

/*
 * What the journal promises. `append`, `claim` and `startRun` are one transaction each, READ COMMITTED, safe to send
 * again: an answer that was lost is asked for by repeating the very same call. Who writes must hold the step's fence
 * (epoch, owner, n); who decides must have folded the run up to `version`.
 */

/** Stored states of a step; see the table in prisma/migrations for which fields are empty when. */
export type StepRowState = 'queued' | 'running' | 'waiting' | 'succeeded' | 'failed' | 'skipped' | 'cancelled';
/** Stored states of a run; `waiting` and `paused` are only shown. */
export type RunRowState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';

/** A hint that a step is due: what a queue job carries. Only `claim` decides. */
export type StepHint = { readonly runId: string; readonly stepKey: string; readonly epoch: number };

/** The step that writes. `n` counts its appends under this epoch; null claims and finishes a due pure step in one append. */
export type Speaker = {
  readonly stepKey: string;
  readonly epoch: number;
  readonly n: number | null;
  readonly worker: number;
};

/** Bytes stored once by content; an append that names one carries it. */
export type BlobContent = { readonly sha256: string; readonly mediaType: string; readonly bytes: Buffer };

/** One transaction: facts, and the rows they change. */
export type AppendRequest = {
  readonly runId: string;
  /** Null when a person or the server speaks. */
  readonly speaker: Speaker | null;
  /** Null inside a step; for structural events the version the decision was computed from. */
  readonly version: number | null;
  /** Last seq the caller has folded; a `behind` answer brings the structural events after it. */
  readonly seen: number;
  /** True when an effect will follow: refused with `stopped` after a cancel. */
  readonly intent: boolean;
  readonly events: readonly NewEvent[];
  /** The speaker's new row state; absent: it goes on running. `dueInMs` is a back-off or a deadline. */
  readonly ownState?: { readonly state: StepRowState; readonly dueInMs?: number };
  /** Steps made ready. `mine`: the speaker's worker holds it at once (epoch 1) and sends no job. `limitKey` names a limiter; such a step cannot be `mine`. */
  readonly open: readonly { readonly stepKey: string; readonly mine: boolean; readonly limitKey?: string }[];
  /** Other steps to end, wake or stop; each must still have the epoch named, else the answer is `behind`. */
  readonly touch: readonly {
    readonly stepKey: string;
    readonly epoch: number;
    readonly to: 'cancelled' | 'skipped' | 'due';
  }[];
  readonly runState?: RunRowState;
  readonly blobs?: readonly BlobContent[];
};

/**
 * `done`: written · `already`: this very (epoch, n) is written, go on as after `done` · `lost`: the lease is not ours, drop the step ·
 * `behind`: fold `missed`, decide again, send with the same (epoch, n) · `stopped`: append `step.cancelled` · `over`: the run has ended.
 * `version` is adopted only after a structural `done` (as sent + 1) or `behind`: other answers would skip events of others.
 */
export type AppendAnswer = {
  readonly outcome: 'done' | 'already' | 'lost' | 'behind' | 'stopped' | 'over';
  readonly seq: number;
  readonly version: number;
  readonly missed: readonly JournalEvent[];
  /** With `behind`: the live steps as they are now. A take-over raises an epoch without an event. */
  readonly live?: readonly LiveStep[];
};

/** A step that has not ended, and whether a worker holds it. */
export type LiveStep = { readonly stepKey: string; readonly epoch: number; readonly held: boolean };

/** `taken`: somebody else's, or not due · `over`: the run has ended · `dead`: this worker was declared dead, register anew · `full`: parked until its limiter has room. */
export type ClaimAnswer =
  | { readonly outcome: 'taken' | 'over' | 'dead' | 'full' }
  | {
      readonly outcome: 'claimed';
      readonly epoch: number;
      readonly attempt: number;
      readonly crashes: number;
      readonly seq: number;
      readonly version: number;
      readonly cancel: boolean;
      /** Structural events after the `seen` that was asked with. */
      readonly missed: readonly JournalEvent[];
    };

/** A new run. The caller has folded `started` and says which steps are ready. */
export type StartRunRequest = {
  readonly runId: string;
  readonly projectId: string;
  readonly pipelineId: string;
  readonly revisionId: string;
  /** Refuse with `stale_revision` when this is no longer the published one (webhooks, schedules). */
  readonly mustBePublished: boolean;
  readonly dedupKey: string | null;
  readonly started: Extract<EventBody, { kind: 'run.started' }>;
  /** Further events of the first transaction (skips, an end). */
  readonly events: readonly NewEvent[];
  readonly open: readonly string[];
  /** Set when the run ends in the same transaction. */
  readonly runState?: RunRowState;
  readonly blobs?: readonly BlobContent[];
};

/** `exists`: this run id or dedup key is in the journal already; the run named is that one. Either may be acknowledged. */
export type StartRunAnswer =
  | { readonly outcome: 'started' | 'exists'; readonly runId: string; readonly seq: number }
  | { readonly outcome: 'stale_revision' };

/** Steps the pulse says this worker must look at. */
export type PulseAnswer =
  | { readonly outcome: 'dead' }
  | { readonly outcome: 'alive'; readonly held: readonly HeldStep[] };
/** A lease the journal says this worker has; `stop`: abort its effects and append `step.cancelled`. */
export type HeldStep = {
  readonly runId: string;
  readonly stepKey: string;
  readonly epoch: number;
  readonly stop: boolean;
};

/** The write path of runs. Implemented on Postgres here; a simulator may implement it in memory. */
export interface Journal {
  startRun(request: StartRunRequest): Promise<StartRunAnswer>;
  append(request: AppendRequest): Promise<AppendAnswer>;
  claim(request: StepHint & { readonly worker: number; readonly seen: number }): Promise<ClaimAnswer>;
  /** Events after `after`, in order, at most `limit`; `structural` leaves out what only the writing step reads. */
  events(
    runId: string,
    options: { after: number; limit?: number; structural?: boolean; stepKey?: string },
  ): Promise<JournalEvent[]>;
  /** Bytes of a blob, or null. */
  blob(sha256: string): Promise<Buffer | null>;
}

/** A worker's life in the journal: one per process start. `register` takes the advisory lock on its own direct connection. */
export interface WorkerSession {
  readonly id: number;
  /** Renews every lease of this worker; also says which held steps must stop. */
  pulse(): Promise<PulseAnswer>;
  /** Sets free what nobody alive holds and names what is due and unclaimed (already marked as rung). Decides nothing. */
  sweep(): Promise<readonly StepHint[]>;
  /** Frees one held step without counting a crash. */
  release(step: StepHint): Promise<void>;
  /** Frees all steps, gives the lock back, ends the session. */
  close(): Promise<void>;
}
