import type { RunRowState, StepRowState } from '@switchyard/journal';
import { isStructural } from '@switchyard/pipeline';
import type { EventRow } from '../../packages/journal/src/encode.ts';

/*
 * The tables of the journal in memory. Rows are never changed in place, so a copy of the tables shares all rows with its
 * original; a run's maps are copied with the first write after a fork.
 */

/** Milliseconds since 1970 by the database's own clock. */
export type Instant = number;

/** A row of `run`. */
export type RunRow = {
  readonly id: string;
  readonly projectId: string;
  readonly pipelineId: string;
  readonly revisionId: string;
  readonly parentRun: string | null;
  readonly parentStep: string | null;
  readonly rootRun: string;
  readonly depth: number;
  readonly dedupKey: string | null;
  readonly triggerKind: string;
  readonly state: RunRowState;
  readonly seq: number;
  readonly version: number;
  readonly priority: number;
  readonly weight: number;
  readonly concurrencyKey: string | null;
  readonly rateKey: string | null;
  readonly cancelAt: Instant | null;
  readonly pausedAt: Instant | null;
  readonly endedAt: Instant | null;
};

/** A row of `step`. */
export type StepRow = {
  readonly runId: string;
  readonly pipelineId: string;
  readonly key: string;
  readonly state: StepRowState;
  readonly epoch: number;
  readonly n: number;
  readonly owner: number | null;
  readonly dueAt: Instant | null;
  readonly rungAt: Instant | null;
  readonly parkedAt: Instant | null;
  readonly stopAt: Instant | null;
  readonly attempt: number;
  readonly crashes: number;
  readonly limitKey: string | null;
  readonly priority: number;
};

/** A row of `worker`. `locked`: its session lives and holds the advisory lock. `server`: the start it registered with. */
export type WorkerRow = {
  readonly id: number;
  readonly build: string;
  readonly server: number;
  readonly aliveUntil: Instant;
  readonly freeSince: Instant | null;
  readonly deadAt: Instant | null;
  readonly locked: boolean;
};

/** A row of `limiter`. */
export type LimiterRow = { readonly max: number; readonly perSeconds: number | null };
/** A row of `limiter_use`. */
export type LimiterUse = { readonly key: string; readonly at: Instant; readonly runId: string };
/** What is published of a pipeline. */
export type PipelineRow = { readonly publishedRevisionId: string | null; readonly listensError: boolean };

/** One run with what belongs to it. `live`: keys of steps that have not ended. */
export type RunTable = {
  row: RunRow;
  readonly steps: Map<string, StepRow>;
  readonly live: Set<string>;
  readonly events: EventRow[];
  /** The tables that may write here; others copy first. */
  readonly owner: Tables;
};

/** States of a step that has not ended. */
export const isLive = (state: StepRowState): boolean =>
  state === 'queued' || state === 'running' || state === 'waiting';
/** States of a run that has ended. */
export const isOver = (state: RunRowState | null): boolean =>
  state === 'succeeded' || state === 'failed' || state === 'cancelled';

/** All tables of one database. */
export class Tables {
  readonly runs = new Map<string, RunTable>();
  readonly workers = new Map<number, WorkerRow>();
  readonly limiters = new Map<string, LimiterRow>();
  readonly pipelines = new Map<string, PipelineRow>();
  readonly blobs = new Map<string, Buffer>();
  readonly blobRefs = new Set<string>();
  readonly alarms = new Map<string, Instant>();
  uses: readonly LimiterUse[] = [];
  /** Rises with each restart: `pg_postmaster_start_time()`. */
  server = 1;
  lastWorker = 0;
  /** The database's clock. */
  now: () => Instant;

  constructor(now: () => Instant) {
    this.now = now;
  }

  /** A copy that lives on by itself. Costs little: runs are shared until one of both writes to them. */
  fork(now: () => Instant): Tables {
    const copy = new Tables(now);
    for (const [id, run] of this.runs) copy.runs.set(id, { ...run, owner: NOBODY });
    for (const [id, run] of this.runs) this.runs.set(id, { ...run, owner: NOBODY });
    for (const [id, worker] of this.workers) copy.workers.set(id, worker);
    for (const [key, limiter] of this.limiters) copy.limiters.set(key, limiter);
    for (const [id, pipeline] of this.pipelines) copy.pipelines.set(id, pipeline);
    for (const [sha, bytes] of this.blobs) copy.blobs.set(sha, bytes);
    for (const ref of this.blobRefs) copy.blobRefs.add(ref);
    for (const [id, at] of this.alarms) copy.alarms.set(id, at);
    copy.uses = this.uses;
    copy.server = this.server;
    copy.lastWorker = this.lastWorker;
    return copy;
  }

  /** The run for reading. */
  run(id: string): RunTable | undefined {
    return this.runs.get(id);
  }

  /** The run for writing. */
  own(id: string): RunTable {
    const run = this.runs.get(id);
    if (run === undefined) throw new Error(`there is no run ${id}`);
    if (run.owner === this) return run;
    const mine = copyOf(run, this);
    this.runs.set(id, mine);
    return mine;
  }

  /** Puts a run back as it was: what a transaction that fails does. */
  restore(run: RunTable): void {
    this.runs.set(run.row.id, { ...run, owner: this });
  }

  setRun(id: string, change: Partial<RunRow>): void {
    const run = this.own(id);
    run.row = { ...run.row, ...change };
  }

  /** Inserts or replaces. */
  putStep(step: StepRow): void {
    const run = this.own(step.runId);
    run.steps.set(step.key, step);
    if (isLive(step.state)) run.live.add(step.key);
    else run.live.delete(step.key);
  }

  setStep(step: StepRow, change: Partial<StepRow>): StepRow {
    const next = { ...step, ...change };
    this.putStep(next);
    return next;
  }

  step(runId: string, key: string): StepRow | undefined {
    return this.runs.get(runId)?.steps.get(key);
  }

  /** Steps that have not ended, of all runs that have not. */
  *liveSteps(): Generator<StepRow> {
    for (const run of this.runs.values()) {
      for (const key of run.live) {
        const step = run.steps.get(key);
        if (step !== undefined) yield step;
      }
    }
  }
}

/** Owner of runs that two tables share. */
const NOBODY = new Tables(() => 0);

/** A copy whose maps can be written. */
export const copyOf = (run: RunTable, owner: Tables): RunTable => ({
  row: run.row,
  steps: new Map(run.steps),
  live: new Set(run.live),
  events: run.events.slice(),
  owner,
});

/** Structural events after `seen`. */
export function structuralAfter(run: RunTable, seen: number): EventRow[] {
  return run.events
    .slice(Math.max(0, seen))
    .filter((event) => isStructural(event.kind as Parameters<typeof isStructural>[0]));
}
