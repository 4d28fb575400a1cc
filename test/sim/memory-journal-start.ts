import type { RunRowState } from '@switchyard/journal';
import { admit, type Hint, queueFull, raiseAlarm } from './memory-journal-limits.ts';
import { isOver, type RunRow, type RunTable, type Tables } from './memory-journal-rows.ts';
import {
  type Blobs,
  freshStep,
  insertEvents,
  type LimitSetting,
  makeLimiters,
  type NewRow,
  storeBlobs,
} from './memory-journal-write.ts';

/** `p_more` of start_run. */
export type More = {
  readonly concurrency?: { readonly key: string; readonly max: number };
  readonly rate?: { readonly max: number; readonly perSeconds: number };
  readonly steps?: Readonly<Record<string, LimitSetting>>;
  readonly parent?: {
    readonly run: string;
    readonly step: string;
    readonly depth?: number;
    readonly root?: string;
    readonly paused?: boolean;
  };
};

/** Parameters of `start_run` by name. */
export type StartCall = {
  readonly run: string;
  readonly project: string;
  readonly pipeline: string;
  readonly revision: string;
  readonly published: boolean;
  readonly dedup: string | null;
  readonly trigger: string;
  readonly kinds: readonly string[];
  readonly keys: readonly (string | null)[];
  readonly data: readonly string[];
  readonly open: readonly string[];
  readonly runState: RunRowState | null;
  readonly blobs: Blobs;
  readonly queueMax: number | null;
  readonly priority: number;
  readonly weight: number;
  readonly more: More | null;
};

/** start_run */
export function startRun(tables: Tables, call: StartCall) {
  const { more } = call;
  const parent = more?.parent;
  const ends = call.runState !== null;
  const existing = existingOf(tables, call);
  if (existing !== undefined) return { outcome: 'exists', run_id: existing.id, run_seq: existing.seq, hints: null };
  const refused = refusalOf(tables, call);
  if (refused !== null) return { outcome: refused, run_id: null, run_seq: null, hints: null };
  const paused = parent?.paused === true && !ends;
  const { key, rate, state } = placeOf(tables, call);
  const row = rowOf(tables, call, { paused, key, rate, state });
  const run: RunTable = { row, steps: new Map(), live: new Set(), events: [], owner: tables };
  tables.runs.set(call.run, run);
  storeBlobs(tables, call.run, call.blobs);
  const events = call.kinds.map(
    (kind, i): NewRow => ({ kind, stepKey: call.keys[i] ?? null, data: JSON.parse(call.data[i] ?? 'null') }),
  );
  const seq = insertEvents(
    tables,
    run,
    paused ? [...events, { kind: 'run.paused', stepKey: null, data: { by: 'parent' } }] : events,
  );
  tables.setRun(call.run, { seq });
  if (more?.steps) makeLimiters(tables, Object.values(more.steps));
  openAtStart(tables, call, state === 'running' && !paused);
  let hints: Hint[] | null = null;
  if (state === 'queued') hints = admit(tables, key, key === null ? rate : null);
  else if (paused || hasBacklog(tables, call)) hints = [];
  if (call.runState === 'failed' || call.runState === 'cancelled')
    raiseAlarm(tables, call.run, call.trigger, call.runState);
  return { outcome: 'started', run_id: call.run, run_seq: seq, hints };
}

function existingOf(tables: Tables, { run, dedup, pipeline }: StartCall): RunRow | undefined {
  const same = ({ row }: RunTable): boolean => dedup !== null && row.pipelineId === pipeline && row.dedupKey === dedup;
  return tables.run(run)?.row ?? (dedup === null ? undefined : [...tables.runs.values()].find(same)?.row);
}

function refusalOf(tables: Tables, call: StartCall): 'stale_revision' | 'full' | null {
  if (call.published && tables.pipelines.get(call.pipeline)?.publishedRevisionId !== call.revision)
    return 'stale_revision';
  return call.runState === null && queueFull(tables, call.pipeline, call.queueMax) ? 'full' : null;
}

type Place = { readonly key: string | null; readonly rate: string | null; readonly state: RunRowState };

function rowOf(
  tables: Tables,
  call: StartCall,
  { paused, key, rate, state }: Place & { readonly paused: boolean },
): RunRow {
  const parent = call.more?.parent;
  return {
    id: call.run,
    projectId: call.project,
    pipelineId: call.pipeline,
    revisionId: call.revision,
    parentRun: parent?.run ?? null,
    parentStep: parent?.step ?? null,
    rootRun: parent?.root ?? call.run,
    depth: parent?.depth ?? 0,
    dedupKey: call.dedup,
    triggerKind: call.trigger,
    state,
    seq: 0,
    version: 1,
    priority: call.priority,
    weight: call.weight,
    concurrencyKey: key,
    rateKey: rate,
    cancelAt: null,
    pausedAt: paused ? tables.now() : null,
    endedAt: isOver(call.runState) ? tables.now() : null,
  };
}

function hasBacklog(tables: Tables, { pipeline, weight, queueMax, runState }: StartCall): boolean {
  const most = 50 * weight;
  const living =
    [...tables.runs.values()].filter(({ row }) => row.pipelineId === pipeline && !isOver(row.state)).length - 1;
  if (queueMax !== null && runState === null && living < most) return false;
  let waiting = 0;
  for (const step of tables.liveSteps())
    if (step.pipelineId === pipeline && step.dueAt !== null && step.dueAt < tables.now() - 100) waiting += 1;
  return waiting >= most;
}

/** Where a new run stands: its places under limits, and whether it must wait for them. */
function placeOf(tables: Tables, { runState, more, pipeline }: StartCall): Place {
  let key = more?.concurrency?.key ?? null;
  for (let up = more?.parent?.run; up !== undefined && key !== null; ) {
    const row = tables.run(up)?.row;
    if (row?.concurrencyKey === key) key = null; // it goes in with the ancestor that has the place
    up = row?.parentRun ?? undefined;
  }
  let state: RunRowState = runState ?? 'running';
  let rate: string | null = null;
  if (runState === null && key !== null) {
    state = 'queued';
    tables.limiters.set(`run/${key}`, { max: more?.concurrency?.max ?? 1, perSeconds: null });
  }
  if (runState === null && more?.rate) {
    state = 'queued';
    rate = `rate/${pipeline}`;
    tables.limiters.set(rate, { max: more.rate.max, perSeconds: more.rate.perSeconds });
  }
  return { key, rate, state };
}

function openAtStart(tables: Tables, { run, pipeline, open, more, priority }: StartCall, due: boolean): void {
  for (const key of open) {
    tables.putStep({
      ...freshStep(run, pipeline, key),
      dueAt: due ? tables.now() : null,
      parkedAt: due ? null : tables.now(),
      priority,
      limitKey: more?.steps?.[key]?.key ?? null,
    });
  }
}
