import type { RunRowState, StepRowState } from '@switchyard/journal';
import { afterEnd, type Hint, queueFull, raiseAlarm, unpark } from './memory-journal-limits.ts';
import { copyOf, isOver, type RunTable, type StepRow, structuralAfter, type Tables } from './memory-journal-rows.ts';
import { type More, startRun } from './memory-journal-start.ts';
import {
  type Blobs,
  freshStep,
  insertEvents,
  type LimitSetting,
  makeLimiters,
  type NewRow,
  ServerError,
  storeBlobs,
} from './memory-journal-write.ts';

type Outcome = 'done' | 'already' | 'lost' | 'behind' | 'stopped' | 'over' | 'full';

/** Parameters of `append` by name. */
export type AppendCall = {
  readonly run: string;
  readonly worker: number | null;
  readonly step: string | null;
  readonly epoch: number | null;
  readonly n: number | null;
  readonly version: number | null;
  readonly seen: number;
  readonly intent: boolean;
  readonly kinds: readonly string[];
  readonly keys: readonly (string | null)[];
  readonly data: readonly string[];
  readonly state: StepRowState | null;
  readonly dueMs: number | null;
  readonly open: readonly string[];
  readonly mine: readonly boolean[];
  readonly limits: readonly (string | null)[];
  readonly touch: readonly string[];
  readonly touchEpoch: readonly number[];
  readonly touchTo: readonly ('cancelled' | 'skipped' | 'due')[];
  readonly runState: RunRowState | null;
  readonly blobs: Blobs;
  readonly close: readonly string[];
  readonly child: Child | null;
};

/** `p_child` of append. */
export type Child = {
  readonly run: string;
  readonly pipeline: string;
  readonly revision: string;
  readonly dedup: string | null;
  readonly node: string;
  readonly trigger: string;
  readonly kinds: readonly string[];
  readonly keys: readonly (string | null)[];
  readonly data: readonly string[];
  readonly open: readonly string[];
  readonly state: RunRowState | null;
  readonly blobs: readonly string[];
  readonly queueMax: number | null;
  readonly priority: number;
  readonly weight: number;
  readonly more: More;
};

/** append */
export function append(tables: Tables, call: AppendCall) {
  const table = tables.run(call.run);
  if (table === undefined) throw new ServerError('SY003', `run ${call.run} is not in the journal`);
  const refusal = refusalOf(tables, table, call);
  if (refusal !== null) return explain(table, call, refusal);
  const was = table.row;
  const before = isOver(call.runState) ? copyOf(table, tables) : null;
  const run = tables.own(call.run);
  if (call.open.some((key) => run.steps.has(key))) throw new ServerError('23505', 'a step with this key exists');
  const limit = speak(tables, call);
  storeBlobs(tables, call.run, call.blobs);
  applyTouch(tables, call);
  applyClose(tables, call);
  applyOpen(tables, call);
  const seq = insertEvents(tables, run, rowsOf(call));
  tables.setRun(call.run, {
    seq,
    version: run.row.version + (call.version === null ? 0 : 1),
    ...runChange(tables, call),
  });
  if (was.pausedAt !== null && call.kinds.includes('run.resumed') && was.state === 'running')
    resumeParked(tables, call.run);
  const hints = whatFollows(tables, call, { run, before, limit });
  return { outcome: 'done' as Outcome, run_seq: seq, run_version: run.row.version, missed: null, live: null, hints };
}

/** What an append does to others; a run that may not end is put back as it was. */
function whatFollows(
  tables: Tables,
  call: AppendCall,
  { run, before, limit }: { readonly run: RunTable; readonly before: RunTable | null; readonly limit: string | null },
): Hint[] | null {
  let hints: Hint[] | null = null;
  if (before !== null) {
    if (run.live.size > 0) {
      tables.restore(before);
      throw new ServerError('SY001', `run ${call.run} cannot end: it has live steps`);
    }
    if (call.runState !== 'succeeded') raiseAlarm(tables, call.run, run.row.triggerKind, call.runState ?? '');
    hints = afterEnd(tables, run.row);
  } else if (call.child !== null) hints = beginChild(tables, call.child, run);
  if (call.state === 'waiting' && call.dueMs === null) wakeIfChildEnded(tables, call);
  return limit !== null && call.state !== null ? [...(hints ?? []), ...unpark(tables, limit)] : hints;
}

/** Why nothing is written, before the fence is asked for its own reasons. */
function refusalOf(tables: Tables, table: RunTable, call: AppendCall): Outcome | null {
  const { row } = table;
  if (isOver(row.state)) return 'over';
  if (call.intent && row.cancelAt !== null) return 'stopped';
  if (call.version !== null && call.version !== row.version) return 'behind';
  if (!touchFits(table, call)) return 'behind';
  if (call.child !== null && queueFull(tables, call.child.pipeline, call.child.queueMax)) return 'full';
  if (call.step !== null && !fenceHolds(tables, call)) return 'lost';
  return null;
}

function touchFits(table: RunTable, { touch, touchEpoch, touchTo }: AppendCall): boolean {
  return touch.every((key, i) => {
    const step = table.steps.get(key);
    if (step === undefined || step.epoch !== touchEpoch[i]) return false;
    return step.state === 'waiting' || ((step.state === 'queued' || step.state === 'running') && touchTo[i] !== 'due');
  });
}

function fenceHolds(tables: Tables, call: AppendCall): boolean {
  const step = tables.step(call.run, call.step ?? '');
  if (step === undefined || step.epoch !== call.epoch) return false;
  const mine =
    call.n === null
      ? step.owner === null && step.dueAt !== null && step.dueAt <= tables.now()
      : step.owner === call.worker && step.n === call.n;
  return mine && !(call.intent && step.stopAt !== null);
}

/** The speaker's row after its append; its limiter. */
function speak(tables: Tables, call: AppendCall): string | null {
  const step = call.step === null ? undefined : tables.step(call.run, call.step);
  if (step === undefined) return null;
  const due = (call.state === 'queued' || call.state === 'waiting') && call.dueMs !== null;
  tables.setStep(step, {
    n: (call.n ?? 0) + 1,
    epoch: (call.epoch ?? 0) + (call.n === null ? 1 : 0),
    state: call.state ?? step.state,
    rungAt: null,
    parkedAt: null,
    owner: call.state === null ? step.owner : null,
    dueAt: due ? tables.now() + (call.dueMs ?? 0) : null,
    attempt: step.attempt + (call.kinds.includes('step.retrying') ? 1 : 0),
  });
  return step.limitKey;
}

/** The answer to an append that writes nothing. */
function explain(table: RunTable, call: AppendCall, refusal: Outcome) {
  let outcome = refusal;
  const { row } = table;
  if (call.step !== null) outcome = whoseOutcome(table, call, refusal, table.steps.get(call.step));
  const behind = outcome === 'behind';
  const live = behind
    ? [...table.live].flatMap((key) => {
        const step = table.steps.get(key);
        return step ? [{ stepKey: key, epoch: step.epoch, held: step.owner !== null }] : [];
      })
    : null;
  const missed = behind ? structuralAfter(table, call.seen) : null;
  return { outcome, run_seq: row.seq, run_version: row.version, missed, live, hints: null };
}

function whoseOutcome(table: RunTable, call: AppendCall, refusal: Outcome, step: StepRow | undefined): Outcome {
  const { epoch, n } = call;
  if (n === null) {
    const mine = table.events.some(
      (event) =>
        event.stepKey === call.step &&
        event.epoch === (epoch ?? 0) + 1 &&
        event.kind === 'step.started' &&
        (event.data as { worker?: number }).worker === call.worker,
    );
    if (step?.epoch === (epoch ?? 0) + 1 && mine) return 'already';
    return step?.epoch === epoch && step?.owner === null ? refusal : 'lost';
  }
  if (step?.epoch === epoch && step?.n === n + 1) return 'already';
  if (step?.epoch !== epoch || step?.owner !== call.worker || step?.n !== n) return 'lost';
  return refusal === 'lost' ? 'stopped' : refusal;
}

function applyTouch(tables: Tables, { run, touch, touchTo }: AppendCall): void {
  touch.forEach((key, i) => {
    const step = tables.step(run, key);
    if (step === undefined) return;
    const to = touchTo[i] ?? 'due';
    if (step.owner !== null) tables.setStep(step, { stopAt: tables.now(), rungAt: null, dueAt: null });
    else
      tables.setStep(step, {
        state: to === 'due' ? step.state : to,
        dueAt: to === 'due' ? tables.now() : null,
        parkedAt: null,
        rungAt: null,
        epoch: step.epoch + 1,
      });
  });
}

const SETTLING = ['step.succeeded', 'step.failed', 'step.skipped', 'step.cancelled'];

function applyClose(tables: Tables, { run, close, kinds, keys }: AppendCall): void {
  if (close.length === 0) return;
  kinds.forEach((kind, i) => {
    const key = keys[i] ?? null;
    if (key === null || !close.includes(key) || !SETTLING.includes(kind)) return;
    const step = tables.step(run, key);
    if (step === undefined || step.owner !== null || step.state !== 'waiting') return;
    const state = kind.slice('step.'.length) as StepRowState;
    tables.setStep(step, { state, dueAt: null, rungAt: null, epoch: step.epoch + 1 });
  });
}

function applyOpen(tables: Tables, call: AppendCall): void {
  const { row } = tables.own(call.run);
  const limits = call.limits.map((text): LimitSetting | null => (text === null ? null : JSON.parse(text)));
  makeLimiters(
    tables,
    limits.filter((limit) => limit !== null),
  );
  call.open.forEach((key, i) => {
    const mine = call.mine[i] === true;
    tables.putStep({
      ...freshStep(call.run, row.pipelineId, key),
      state: mine ? 'running' : 'queued',
      epoch: mine ? 1 : 0,
      owner: mine ? call.worker : null,
      dueAt: !mine && row.state === 'running' ? tables.now() : null,
      parkedAt: !mine && row.state === 'queued' ? tables.now() : null,
      priority: row.priority,
      limitKey: limits[i]?.key ?? null,
    });
  });
}

/** Events with the epoch and n of the step they are about, not of the speaker. */
function rowsOf(call: AppendCall): NewRow[] {
  const started = new Set(call.keys.filter((_, i) => call.kinds[i] === 'step.started'));
  const fenceOf = (stepKey: string | null): Pick<NewRow, 'epoch' | 'n'> => {
    if (stepKey === null) return {};
    if (stepKey === call.step) return { epoch: (call.epoch ?? 0) + (call.n === null ? 1 : 0), n: call.n ?? 0 };
    return started.has(stepKey) ? { epoch: 1, n: 0 } : {};
  };
  return call.kinds.map((kind, i) => {
    const stepKey = call.keys[i] ?? null;
    return { kind, stepKey, data: JSON.parse(call.data[i] ?? 'null'), ...fenceOf(stepKey) };
  });
}

function runChange(tables: Tables, { runState, kinds }: AppendCall) {
  return {
    ...(runState === null ? {} : { state: runState }),
    ...(isOver(runState) ? { endedAt: tables.now() } : {}),
    ...(kinds.includes('run.cancel_requested') ? { cancelAt: tables.now() } : {}),
    ...(kinds.includes('run.paused')
      ? { pausedAt: tables.now() }
      : kinds.includes('run.resumed')
        ? { pausedAt: null }
        : {}),
  };
}

function resumeParked(tables: Tables, run: string): void {
  for (const step of [...(tables.run(run)?.steps.values() ?? [])])
    if (step.parkedAt !== null && step.dueAt === null)
      tables.setStep(step, {
        dueAt: tables.now(),
        parkedAt: step.limitKey === null ? null : step.parkedAt,
        rungAt: null,
      });
}

function beginChild(tables: Tables, child: Child, parent: RunTable): Hint[] {
  const { more } = child;
  const { row } = parent;
  const answer = startRun(tables, {
    ...child,
    project: row.projectId,
    published: false,
    queueMax: null,
    runState: child.state,
    blobs: {
      sha: child.blobs.map((sha) => Buffer.from(sha, 'hex')),
      media: child.blobs.map(() => null),
      bytes: child.blobs.map(() => null),
    },
    more: {
      ...more,
      parent: {
        step: more.parent?.step ?? '',
        ...more.parent,
        run: row.id,
        root: row.rootRun,
        paused: row.pausedAt !== null,
      },
    },
  });
  return answer.hints ?? child.open.map((stepKey) => ({ runId: child.run, stepKey, epoch: 0 }));
}

/** The child ended before its parent began to wait. */
function wakeIfChildEnded(tables: Tables, { run, step }: AppendCall): void {
  const children = [...tables.runs.values()].filter(({ row }) => row.parentRun === run && row.parentStep === step);
  const waiting = step === null ? undefined : tables.step(run, step);
  if (waiting === undefined || children.length === 0 || children.some(({ row }) => row.endedAt === null)) return;
  tables.setStep(waiting, { dueAt: tables.now() });
}
