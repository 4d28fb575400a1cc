import type { ScheduleRow } from '@switchyard/journal';
import { schedule } from 'node-cron';
import type { Services } from '../services.ts';
import { nextFires } from './next-fires.ts';

/*
 * The tick of each second asks the database which schedules are due; the truth is `next_fire` there. A firing is a
 * compare-and-set on it, so several servers make one run. Times missed while nothing ran fire once, at start.
 */

/** Starts ticking; the answer stops it after the tick under way. */
export function startTicking(services: Services): () => Promise<void> {
  let under: Promise<void> | null = null;
  const task = schedule('* * * * * *', () => {
    under ??= tick(services)
      .catch((error: unknown) => services.warn(`schedules: ${error instanceof Error ? error.message : String(error)}`))
      .finally(() => {
        under = null;
      });
  });
  return async () => {
    await task.stop();
    await under;
  };
}

/** Plans new schedules and fires due ones. */
export async function tick(services: Services): Promise<void> {
  for (const row of await services.database.catalog.schedules.due()) await look(row, services);
}

async function look(row: ScheduleRow, services: Services): Promise<void> {
  const { schedules, revisions } = services.database.catalog;
  const next = nextFires({ ...row, everySeconds: null }, new Date(services.clock.now()), 1)[0]?.toISOString() ?? null;
  if (row.nextFire === null) {
    if (next !== null) await schedules.plan(row.id, next);
    return;
  }
  const revision = await revisions.get(row.revisionId);
  if (revision === null) return;
  const input = { scheduledFor: row.nextFire, firedAt: new Date(services.clock.now()).toISOString() };
  const trigger = { node: row.node, kind: 'schedule' as const, firing: `${row.id}:${row.nextFire}` };
  const start = services.starter.request({ revision, trigger, input, dedupKey: null, mustBePublished: true });
  // `stale_revision`: the next tick reads the schedule anew
  await schedules.fire({ scheduleId: row.id, fireAt: row.nextFire, next, start });
}
