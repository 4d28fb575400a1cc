import { admit, type Hint, ringInTurn, unpark } from './memory-journal-limits.ts';
import type { StepRow, Tables } from './memory-journal-rows.ts';

const LEASE_MS = 10_000;

/** register_worker */
export function registerWorker(tables: Tables, build: string, locks: boolean): number {
  tables.lastWorker += 1;
  const id = tables.lastWorker;
  tables.workers.set(id, {
    id,
    build,
    server: locks ? tables.server : 0,
    aliveUntil: tables.now() + LEASE_MS,
    freeSince: null,
    deadAt: null,
    locked: locks,
  });
  return id;
}

/** attach_worker */
export function attachWorker(tables: Tables, id: number, locks: boolean): boolean {
  const worker = tables.workers.get(id);
  if (worker === undefined) return false;
  const alive = worker.deadAt === null;
  const renewed = { server: locks ? tables.server : 0, freeSince: null, aliveUntil: tables.now() + LEASE_MS };
  tables.workers.set(id, { ...worker, locked: locks, ...(alive ? renewed : {}) });
  return alive;
}

/** pulse */
export function pulse(tables: Tables, id: number) {
  const worker = tables.workers.get(id);
  if (worker === undefined || worker.deadAt !== null) return [];
  tables.workers.set(id, { ...worker, aliveUntil: tables.now() + LEASE_MS, freeSince: null });
  const held: {
    runId: string | null;
    stepKey: string | null;
    epoch: number | null;
    stop: boolean | null;
    paused: boolean | null;
  }[] = [];
  for (const step of tables.liveSteps()) {
    if (step.owner !== id) continue;
    const row = tables.run(step.runId)?.row;
    held.push({
      runId: step.runId,
      stepKey: step.key,
      epoch: step.epoch,
      stop: step.stopAt !== null || row?.cancelAt !== null,
      paused: row?.pausedAt !== null,
    });
  }
  return held.length > 0 ? held : [{ runId: null, stepKey: null, epoch: null, stop: null, paused: null }];
}

function bury(tables: Tables, id: number): void {
  const worker = tables.workers.get(id);
  if (worker === undefined || worker.deadAt !== null) return;
  if (worker.aliveUntil > tables.now()) {
    if (worker.server !== tables.server || worker.locked) return;
    if (worker.freeSince === null) {
      tables.workers.set(id, { ...worker, freeSince: tables.now() });
      return;
    }
    if (worker.freeSince > tables.now() - 250) return;
  }
  tables.workers.set(id, { ...worker, deadAt: tables.now() });
  // bells that were in its hands ring again
  for (const step of [...tables.liveSteps()])
    if (step.dueAt !== null && step.owner === null && step.rungAt !== null) tables.setStep(step, { rungAt: null });
}

type Swept = { readonly runId: string; readonly stepKey: string | null; readonly epoch: number | null };

/** sweep */
export function sweep(tables: Tables, asker: number): Swept[] {
  for (const id of [...tables.workers.keys()]) if (id !== asker) bury(tables, id);
  return [...freeLost(tables), ...childrenToCancel(tables), ...letGo(tables), ...ringInTurn(tables)];
}

/** What nobody alive holds. */
function freeLost(tables: Tables): Hint[] {
  const isLost = ({ owner }: StepRow): boolean => owner !== null && tables.workers.get(owner)?.deadAt !== null;
  const now = tables.now();
  return [...tables.liveSteps()].filter(isLost).map((step) => {
    const { runId, key, epoch } = tables.setStep(step, {
      epoch: step.epoch + 1,
      owner: null,
      dueAt: now,
      rungAt: now,
      crashes: step.crashes + 1,
    });
    return { runId, stepKey: key, epoch };
  });
}

/** Children whose parent, or the step that waits for them, was cancelled by somebody who died before he told them. */
function childrenToCancel(tables: Tables): Swept[] {
  const untold = [...tables.runs.values()].filter(({ row }) => {
    if (row.parentRun === null || row.endedAt !== null || row.cancelAt !== null) return false;
    const waits = row.parentStep === null ? undefined : tables.step(row.parentRun, row.parentStep);
    return tables.run(row.parentRun)?.row.cancelAt !== null || waits?.state === 'cancelled';
  });
  return untold.slice(0, 20).map(({ row }) => ({ runId: row.id, stepKey: null, epoch: null }));
}

/** Runs and steps for which there is room again. */
function letGo(tables: Tables): Hint[] {
  const hints: Hint[] = [];
  if (tables.limiters.size === 0) return hints;
  const lines = new Map<string, readonly [string | null, string | null]>();
  for (const { row } of tables.runs.values())
    if (row.state === 'queued') {
      const rate = row.concurrencyKey === null ? row.rateKey : null;
      lines.set(`${row.concurrencyKey}/${rate}`, [row.concurrencyKey, rate]);
    }
  for (const [key, rate] of lines.values()) hints.push(...admit(tables, key, rate));
  const parked = new Set<string>();
  for (const step of tables.liveSteps())
    if (step.limitKey !== null && step.parkedAt !== null && step.dueAt === null) parked.add(step.limitKey);
  for (const key of parked) hints.push(...unpark(tables, key));
  return hints;
}

/** release_steps */
export function releaseSteps(
  tables: Tables,
  worker: number,
  only: { readonly run: string | null; readonly step: string | null; readonly epoch: number | null },
) {
  const mine = [...tables.liveSteps()].filter(
    (step) =>
      step.owner === worker &&
      (only.step === null || (step.runId === only.run && step.key === only.step && step.epoch === only.epoch)),
  );
  return mine.map((step) => {
    const next = tables.setStep(step, {
      state: 'queued',
      owner: null,
      epoch: step.epoch + 1,
      dueAt: tables.now(),
      rungAt: null,
    });
    return { runId: next.runId, stepKey: next.key, epoch: next.epoch };
  });
}

/** retire_worker */
export function retireWorker(tables: Tables, id: number): void {
  const worker = tables.workers.get(id);
  if (worker !== undefined && worker.deadAt === null) tables.workers.set(id, { ...worker, deadAt: tables.now() });
}
