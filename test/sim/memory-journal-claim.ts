import { afterEnd, calledOf, type Hint, limiterRoom, noteBegin, raiseAlarm } from './memory-journal-limits.ts';
import { isOver, type StepRow, structuralAfter, type Tables } from './memory-journal-rows.ts';
import { type Blobs, insertEvents, type NewRow, ServerError, storeBlobs } from './memory-journal-write.ts';

/** claim */
export function claim(
  tables: Tables,
  call: {
    readonly run: string;
    readonly step: string;
    readonly epoch: number;
    readonly worker: number;
    readonly seen: number;
  },
) {
  const no = (outcome: string) => ({ outcome, ...NO_CLAIM });
  const step = tables.step(call.run, call.step);
  const due = step?.epoch === call.epoch && step.owner === null && step.dueAt !== null && step.dueAt <= tables.now();
  const again = step?.epoch === call.epoch + 1 && step.owner === call.worker && step.n === 0;
  if (step === undefined || !(due || again)) return no('taken');
  const row = tables.run(call.run)?.row;
  if (row === undefined || isOver(row.state)) return no('over');
  const worker = tables.workers.get(call.worker);
  if (worker === undefined || worker.deadAt !== null) return no('dead');
  const yes = () => {
    const run = tables.own(call.run);
    return {
      outcome: 'claimed',
      epoch: call.epoch + 1,
      attempt: step.attempt,
      crashes: step.crashes,
      run_seq: run.row.seq,
      run_version: run.row.version,
      cancel: run.row.cancelAt !== null,
      missed: structuralAfter(run, call.seen),
    };
  };
  if (again) return yes();
  const refusal = row.pausedAt !== null && row.cancelAt === null ? 'paused' : limitRefuses(tables, step);
  if (refusal !== null) {
    tables.setStep(step, { dueAt: null, rungAt: null, parkedAt: step.parkedAt ?? tables.now() });
    return no(refusal);
  }
  tables.setStep(step, {
    epoch: call.epoch + 1,
    n: 0,
    owner: call.worker,
    dueAt: null,
    rungAt: null,
    parkedAt: null,
    state: 'running',
  });
  writeClaim(tables, step, call.worker);
  return yes();
}

const NO_CLAIM = {
  epoch: null,
  attempt: null,
  crashes: null,
  run_seq: null,
  run_version: null,
  cancel: null,
  missed: null,
};

function limitRefuses(tables: Tables, step: StepRow): 'full' | null {
  const limiter = step.limitKey === null ? undefined : tables.limiters.get(step.limitKey);
  if (step.limitKey === null || limiter === undefined) return null;
  const called = step.parkedAt === null ? calledOf(tables, step.limitKey) : 0;
  if (limiterRoom(tables, step.limitKey, limiter) - called <= 0) return 'full';
  if (limiter.perSeconds !== null) noteBegin(tables, step.limitKey, limiter.perSeconds, step.runId);
  return null;
}

function writeClaim(tables: Tables, step: StepRow, worker: number): void {
  const run = tables.own(step.runId);
  const after =
    step.state === 'running'
      ? 'worker_lost'
      : step.state === 'waiting'
        ? 'wait'
        : step.attempt > 1
          ? 'retry'
          : undefined;
  const data = { attempt: step.attempt, crashes: step.crashes, worker, ...(after === undefined ? {} : { after }) };
  const seq = insertEvents(tables, run, [
    { kind: 'step.started', stepKey: step.key, data, epoch: step.epoch + 1, n: 0 },
  ]);
  tables.setRun(step.runId, { seq });
}

/** wake */
export function wake(
  tables: Tables,
  call: {
    readonly run: string;
    readonly step: string;
    readonly epoch: number;
    readonly kinds: readonly string[];
    readonly data: readonly string[];
    readonly blobs: Blobs;
  },
) {
  if (tables.run(call.run) === undefined) throw new ServerError('SY003', `run ${call.run} is not in the journal`);
  const step = tables.step(call.run, call.step);
  if (step === undefined || step.epoch !== call.epoch || !isUnanswered(tables, step))
    return { new_epoch: null, run_seq: null };
  tables.setStep(step, { dueAt: tables.now(), rungAt: null, parkedAt: null, epoch: step.epoch + 1 });
  storeBlobs(tables, call.run, call.blobs);
  const run = tables.own(call.run);
  const rows = call.kinds.map(
    (kind, i): NewRow => ({ kind, stepKey: call.step, data: JSON.parse(call.data[i] ?? 'null') }),
  );
  const seq = insertEvents(tables, run, rows);
  tables.setRun(call.run, { seq, version: run.row.version + 1 });
  return { new_epoch: call.epoch + 1, run_seq: seq };
}

/** Waits, and neither an answer nor its time has come. */
const isUnanswered = (tables: Tables, step: StepRow): boolean =>
  step.state === 'waiting' &&
  step.owner === null &&
  step.parkedAt === null &&
  (step.dueAt === null || step.dueAt > tables.now());

/** request_cancel */
export function requestCancel(
  tables: Tables,
  { run: id, by, reason }: { readonly run: string; readonly by: string; readonly reason: string | null },
) {
  const row = tables.run(id)?.row;
  if (row === undefined) return { outcome: 'unknown', state: null, run_seq: null, hints: null };
  if (isOver(row.state)) return { outcome: 'over', state: row.state, run_seq: row.seq, hints: null };
  if (row.cancelAt !== null) return { outcome: 'cancelling', state: row.state, run_seq: row.seq, hints: null };
  const run = tables.own(id);
  const live = [...run.live].sort().flatMap((key) => run.steps.get(key) ?? []);
  const free = live.filter((step) => step.owner === null);
  const isHeld = live.length > free.length;
  for (const step of live)
    if (step.owner === null)
      tables.setStep(step, { state: 'cancelled', epoch: step.epoch + 1, dueAt: null, parkedAt: null });
    else tables.setStep(step, { stopAt: tables.now() });
  const seq = insertEvents(tables, run, [
    { kind: 'run.cancel_requested', stepKey: null, data: { by, ...(reason === null ? {} : { reason }) } },
    ...free.map((step): NewRow => ({ kind: 'step.cancelled', stepKey: step.key, data: {} })),
    ...(isHeld ? [] : [{ kind: 'run.cancelled', stepKey: null, data: {} }]),
  ]);
  tables.setRun(id, {
    seq,
    version: row.version + 1,
    cancelAt: tables.now(),
    ...(isHeld ? {} : { state: 'cancelled' as const, endedAt: tables.now() }),
  });
  let hints: Hint[] | null = null;
  if (!isHeld) {
    raiseAlarm(tables, id, row.triggerKind, 'cancelled');
    hints = afterEnd(tables, row);
  }
  return {
    outcome: isHeld ? 'cancelling' : 'cancelled',
    state: isHeld ? row.state : 'cancelled',
    run_seq: seq,
    hints,
  };
}

/** request_pause */
export function requestPause(tables: Tables, { run: id, by }: { readonly run: string; readonly by: string }) {
  const row = tables.run(id)?.row;
  if (row === undefined) return { outcome: 'unknown', state: null, run_seq: null };
  if (isOver(row.state)) return { outcome: 'over', state: row.state, run_seq: row.seq };
  if (row.pausedAt !== null) return { outcome: 'paused', state: row.state, run_seq: row.seq };
  const seq = insertEvents(tables, tables.own(id), [{ kind: 'run.paused', stepKey: null, data: { by } }]);
  tables.setRun(id, { seq, version: row.version + 1, pausedAt: tables.now() });
  return { outcome: 'paused', state: row.state, run_seq: seq };
}
