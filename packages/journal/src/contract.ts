import type { EventBody, JournalEvent, NewEvent, StepLimit } from '@switchyard/pipeline';

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
  /**
   * Steps made ready. `mine`: the speaker's worker holds it at once (epoch 1) and sends no job. A step with a `limit` cannot be
   * `mine`: it must be claimed. The limit's numbers count when nobody has set this key before; publishing sets them anew.
   */
  readonly open: readonly { readonly stepKey: string; readonly mine: boolean; readonly limit?: StepLimit }[];
  /** Other steps to end, wake or stop; each must still have the epoch named, else the answer is `behind`. */
  readonly touch: readonly {
    readonly stepKey: string;
    readonly epoch: number;
    readonly to: 'cancelled' | 'skipped' | 'due';
  }[];
  /**
   * Keys of steps that these events settle though they do not speak: a loop's. A row that waits, held by nobody, takes the state of
   * its settling event; where there is none nothing happens.
   */
  readonly close?: readonly string[];
  /**
   * A run that begins in this transaction, as a child of the speaking step: `started.data.parent` names it. Refused with `stopped`
   * after a cancel, with `full` when its pipeline may have no more runs. A paused parent's child begins paused.
   */
  readonly child?: StartRunRequest;
  readonly runState?: RunRowState;
  /** What the events name that is not in the journal yet. What is, they may name as well: this run then refers to it too. */
  readonly blobs?: readonly BlobContent[];
};

/**
 * `done`: written · `already`: this very (epoch, n) is written, go on as after `done` · `lost`: the lease is not ours, drop the step ·
 * `behind`: fold `missed`, decide again, send with the same (epoch, n) · `stopped`: append `step.cancelled` ·
 * `over`: the run has ended · `full`: the child's pipeline has `queueMax` living runs, nothing is written.
 * `version` is adopted only after a structural `done` (as sent + 1) or `behind`: other answers would skip events of others.
 */
export type AppendAnswer = {
  readonly outcome: 'done' | 'already' | 'lost' | 'behind' | 'stopped' | 'over' | 'full';
  readonly seq: number;
  readonly version: number;
  readonly missed: readonly JournalEvent[];
  /** With `behind`: the live steps as they are now. A take-over raises an epoch without an event. */
  readonly live?: readonly LiveStep[];
};

/** A step that has not ended, and whether a worker holds it. */
export type LiveStep = { readonly stepKey: string; readonly epoch: number; readonly held: boolean };

/**
 * `taken`: somebody else's, or not due · `over`: the run has ended · `dead`: this worker was declared dead, register anew ·
 * `full`: parked until its limiter has room · `paused`: parked until the run is resumed.
 */
export type ClaimAnswer =
  | { readonly outcome: 'taken' | 'over' | 'dead' | 'full' | 'paused' }
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

/**
 * What the settings of its pipeline ask of a start. Keys are the installation's: a key that shall count within one pipeline
 * begins with that pipeline's id. The numbers of the latest start hold.
 */
export type StartLimits = {
  /** At most `max` runs with this key run at once; the others are stored `queued`. A child of a run that has the place takes none. */
  readonly concurrency?: { readonly key: string; readonly max: number };
  /** At most `max` runs of the pipeline begin in any `perSeconds`; the others are stored `queued`. */
  readonly rate?: { readonly max: number; readonly perSeconds: number };
  /** Living runs of the pipeline, queued ones included. */
  readonly queueMax?: number;
  /** Higher goes first among queued runs, parked steps and bells; 0 when absent. */
  readonly priority?: number;
  /** Share of the bells among pipelines that compete; 1 when absent. */
  readonly weight?: number;
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
  /** Limits of steps in `open`, by step key. */
  readonly stepLimits?: Readonly<Record<string, StepLimit>>;
  readonly limits?: StartLimits;
  /** Set when the run ends in the same transaction; then no limit is asked. */
  readonly runState?: RunRowState;
  /** As those of an append. */
  readonly blobs?: readonly BlobContent[];
};

/**
 * `exists`: this run id or dedup key is in the journal already; the run named is that one. Either may be acknowledged.
 * `full`: nothing is stored, the pipeline has `queueMax` living runs; ask again later.
 */
export type StartRunAnswer =
  | { readonly outcome: 'started' | 'exists'; readonly runId: string; readonly seq: number }
  | { readonly outcome: 'stale_revision' }
  | { readonly outcome: 'full' };

/** Steps the pulse says this worker must look at. */
export type PulseAnswer =
  | { readonly outcome: 'dead' }
  | { readonly outcome: 'alive'; readonly held: readonly HeldStep[] };
/**
 * A lease the journal says this worker has. `stop`: abort its effects and append `step.cancelled`. `paused`: its run is; go on,
 * but wait at the next place where that costs nothing.
 */
export type HeldStep = {
  readonly runId: string;
  readonly stepKey: string;
  readonly epoch: number;
  readonly stop: boolean;
  readonly paused?: boolean;
};

/** The write path of runs. Implemented on Postgres here; a simulator may implement it in memory. Both pass test/contract/journal. */
export interface Journal {
  /** Throws `invalid_request` when `started` names a parent: a child begins with an append of its parent. */
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
  /**
   * Sets free what nobody alive holds, lets begin what has room again, and names what is due and unclaimed (already marked as
   * rung), in the order to ring: pipelines take turns by weight. Decides nothing.
   */
  sweep(): Promise<readonly StepHint[]>;
  /** Frees one held step without counting a crash. */
  release(step: StepHint): Promise<void>;
  /** Frees all steps, gives the lock back, ends the session. */
  close(): Promise<void>;
}
