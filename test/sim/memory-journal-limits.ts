import type { StepHint } from '@switchyard/journal';
import { type Instant, isOver, type LimiterRow, type StepRow, type Tables } from './memory-journal-rows.ts';

/*
 * Limits, as the functions of the same names in prisma/migrations/20261125010000_semantics have them: read side by side.
 */

const MANY = 1000;
/** To ring for; one without a step names a run to cancel (sweep). */
export type Hint = { readonly runId: string; readonly stepKey: string; readonly epoch: number };

const hintOf = (step: StepRow): StepHint => ({ runId: step.runId, stepKey: step.key, epoch: step.epoch });

/** limiter_room */
export function limiterRoom(tables: Tables, key: string, limiter: LimiterRow): number {
  if (limiter.perSeconds === null) {
    let held = 0;
    for (const step of tables.liveSteps()) if (step.limitKey === key && step.owner !== null) held += 1;
    return limiter.max - held;
  }
  const since = tables.now() - limiter.perSeconds * 1_000;
  return limiter.max - tables.uses.filter((use) => use.key === key && use.at > since).length;
}

/** note_begin */
export function noteBegin(tables: Tables, key: string, perSeconds: number, runId: string): void {
  const since = tables.now() - perSeconds * 1_000;
  tables.uses = [...tables.uses.filter((use) => use.key !== key || use.at >= since), { key, at: tables.now(), runId }];
}

/** Parked steps of a limiter that were called and are not claimed yet. */
export function calledOf(tables: Tables, key: string): number {
  let called = 0;
  for (const step of tables.liveSteps())
    if (step.limitKey === key && step.parkedAt !== null && step.dueAt !== null) called += 1;
  return called;
}

/** unpark */
export function unpark(tables: Tables, key: string): Hint[] {
  const limiter = tables.limiters.get(key);
  const room = limiter === undefined ? MANY : limiterRoom(tables, key, limiter) - calledOf(tables, key);
  if (room <= 0) return [];
  const parked = [...tables.liveSteps()].filter((step) => {
    if (step.limitKey !== key || step.parkedAt === null || step.dueAt !== null) return false;
    const run = tables.run(step.runId)?.row;
    return run?.state === 'running' && run.pausedAt === null;
  });
  parked.sort(
    (a, b) => b.priority - a.priority || (a.parkedAt ?? 0) - (b.parkedAt ?? 0) || (a.runId < b.runId ? -1 : 1),
  );
  return parked.slice(0, room).map((step) => hintOf(tables.setStep(step, { dueAt: tables.now(), rungAt: null })));
}

/** Runs that may begin beside those that have the key. */
function placesOf(tables: Tables, key: string): number {
  const running = [...tables.runs.values()].filter(({ row }) => row.concurrencyKey === key && row.state === 'running');
  return (tables.limiters.get(`run/${key}`)?.max ?? MANY) - running.length;
}

function beginsOf(tables: Tables, rate: string): number {
  const limiter = tables.limiters.get(rate);
  return limiter === undefined ? MANY : limiterRoom(tables, rate, limiter);
}

/** Notes a begin under a rate, if there is room. */
function begins(tables: Tables, rate: string, runId: string): boolean {
  const limiter = tables.limiters.get(rate);
  if (limiter === undefined) return true;
  if (limiterRoom(tables, rate, limiter) <= 0) return false;
  noteBegin(tables, rate, limiter.perSeconds ?? 0, runId);
  return true;
}

/** admit */
export function admit(tables: Tables, key: string | null, rate: string | null): Hint[] {
  const hints: Hint[] = [];
  const queued = [...tables.runs.values()].map((run) => run.row).filter((row) => row.state === 'queued');
  const line = queued.filter((row) =>
    key === null ? row.rateKey === rate && row.concurrencyKey === null : row.concurrencyKey === key,
  );
  const room = key !== null ? placesOf(tables, key) : rate !== null ? beginsOf(tables, rate) : MANY;
  line.sort((a, b) => b.priority - a.priority || (a.id < b.id ? -1 : 1));
  for (const row of line.slice(0, Math.max(room, 0))) {
    if (row.rateKey !== null && !begins(tables, row.rateKey, row.id)) break;
    tables.setRun(row.id, { state: 'running' });
    if (row.pausedAt !== null) continue;
    for (const step of [...(tables.run(row.id)?.steps.values() ?? [])]) {
      if (step.parkedAt === null) continue;
      hints.push(hintOf(tables.setStep(step, { dueAt: tables.now(), parkedAt: null })));
    }
  }
  return hints;
}

/** wake_parent */
function wakeParent(tables: Tables, parent: string, key: string | null): Hint[] {
  const step = key === null ? undefined : tables.step(parent, key);
  if (step === undefined || step.state !== 'waiting' || step.dueAt !== null) return [];
  return [hintOf(tables.setStep(step, { dueAt: tables.now(), rungAt: null }))];
}

/** after_end */
export function afterEnd(
  tables: Tables,
  ended: {
    readonly parentRun: string | null;
    readonly parentStep: string | null;
    readonly concurrencyKey: string | null;
  },
): Hint[] | null {
  if (ended.parentRun === null && ended.concurrencyKey === null) return null;
  const woken = ended.parentRun === null ? [] : wakeParent(tables, ended.parentRun, ended.parentStep);
  return ended.concurrencyKey === null ? woken : [...admit(tables, ended.concurrencyKey, null), ...woken];
}

/** raise_alarm */
export function raiseAlarm(tables: Tables, runId: string, trigger: string, state: string): void {
  if (trigger === 'error' || ![...tables.pipelines.values()].some((pipeline) => pipeline.listensError)) return;
  const bySystem = tables
    .run(runId)
    ?.events.some((event) => event.kind === 'run.cancel_requested' && (event.data as { by?: string }).by === 'system');
  if (state === 'failed' || (state === 'cancelled' && bySystem === true)) tables.alarms.set(runId, tables.now());
}

/** queue_full */
export function queueFull(tables: Tables, pipelineId: string, max: number | null): boolean {
  if (max === null) return false;
  let living = 0;
  for (const { row } of tables.runs.values()) if (row.pipelineId === pipelineId && !isOver(row.state)) living += 1;
  return living >= max;
}

/** The order in which the sweep rings: pipelines take turns by weight, the window follows what the workers hold. */
export function ringInTurn(tables: Tables): Hint[] {
  const now = tables.now();
  let window = 32;
  const duePast = new Map<string, StepRow[]>();
  for (const step of tables.liveSteps()) {
    if (step.owner !== null) window += 1;
    if (step.dueAt === null || step.dueAt >= now) continue;
    const line = duePast.get(step.pipelineId) ?? [];
    line.push(step);
    duePast.set(step.pipelineId, line);
  }
  const chosen = [...duePast.values()].flatMap((line) => shareOf(tables, line, { window, now }));
  chosen.sort(
    (a, b) => b.step.priority - a.step.priority || a.turn - b.turn || (a.step.dueAt ?? 0) - (b.step.dueAt ?? 0),
  );
  return chosen.slice(0, 500).map(({ step }) => hintOf(tables.setStep(step, { rungAt: now })));
}

function shareOf(
  tables: Tables,
  line: StepRow[],
  { window, now }: { readonly window: number; readonly now: Instant },
): { readonly step: StepRow; readonly turn: number }[] {
  line.sort((a, b) => (a.dueAt ?? 0) - (b.dueAt ?? 0));
  const weight = tables.run(line[0]?.runId ?? '')?.row.weight ?? 1;
  const flying = line
    .slice(0, 8 * window * weight)
    .filter((step) => step.rungAt !== null && step.rungAt > now - 5_000).length;
  const room = Math.max(0, window * weight - flying);
  return line
    .filter((step) => (step.rungAt === null ? (step.dueAt ?? 0) < now - 500 : step.rungAt < now - 30_000))
    .slice(0, room)
    .map((step, place) => ({ step, turn: (place + 1) / weight }));
}
