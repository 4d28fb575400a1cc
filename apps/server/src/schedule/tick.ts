import type { DueSchedule, FireAnswer } from '@switchyard/journal';
import { schedule } from 'node-cron';
import type { Services } from '../services.ts';
import { catchUp } from './missed.ts';
import { nextFire } from './next-fires.ts';

/*
 * node-cron gives the tick of each second; a tick that is late or left out does no harm. The truth is `next_fire` in the
 * database, and the database's clock decides what is due, so servers whose clocks differ agree. A firing is a compare-and-set
 * on `next_fire` in one transaction with its run: several servers, one run. The revision is the one published at that moment.
 *
 * Schedules are looked at side by side, and no tick waits for the looks of the one before: a schedule that hangs or fails
 * holds up nobody else. One that failed is left alone for half a minute.
 */

const ALONE_MS = 30_000;
/** A day that never comes (31 April) is not sought anew each second. */
const NEVER_MS = 3_600_000;
const SIDE_BY_SIDE = 8;
/** Ticks between two clean-ups of old firings. */
const PRUNE_TICKS = 600;

/** Looks at schedules. `tick` is over when all looks it began are. */
export type Ticker = { readonly tick: () => Promise<void> };

/** A ticker with its own memory of which schedules are being looked at, or are to be left alone. */
export function createTicker(services: Services): Ticker {
  const busy = new Set<string>();
  const alone = new Map<string, number>();
  const { schedules } = services.database.catalog;
  const guarded = async (row: DueSchedule): Promise<void> => {
    try {
      if ((await look(row, services)) === 'never') alone.set(row.id, services.clock.now() + NEVER_MS);
    } catch (error) {
      alone.set(row.id, services.clock.now() + ALONE_MS);
      services.warn(`schedule ${row.id} (${row.node}): ${said(error)}`);
    } finally {
      busy.delete(row.id);
    }
  };
  return {
    tick: async () => {
      for (const [id, until] of alone) if (until <= services.clock.now()) alone.delete(id);
      const rows = await schedules.due([...busy, ...alone.keys()]);
      for (const row of rows) busy.add(row.id);
      const waiting = [...rows];
      const lane = async (): Promise<void> => {
        for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) await guarded(row);
      };
      await Promise.all(Array.from({ length: SIDE_BY_SIDE }, lane));
    },
  };
}

const said = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Starts ticking; the answer stops it and waits for the looks under way. */
export function startTicking(services: Services): () => Promise<void> {
  const ticker = createTicker(services);
  const under = new Set<Promise<void>>();
  let ticks = 0;
  const onTick = (): void => {
    ticks += 1;
    const work = ticks % PRUNE_TICKS === 0 ? pruned(services).then(ticker.tick) : ticker.tick();
    const one = work.catch((error: unknown) => services.warn(`schedules: ${said(error)}`));
    under.add(one);
    void one.finally(() => under.delete(one));
  };
  // a second left out is no loss here, so it need not be told
  const task = schedule('* * * * * *', onTick, { suppressMissedWarning: true });
  return async () => {
    await task.stop();
    await Promise.all(under);
  };
}

const pruned = async (services: Services): Promise<void> => {
  await services.database.catalog.schedules.prune();
};

/** Plans a new schedule, fires what is due of it, or what waited for its turn. */
async function look(row: DueSchedule, services: Services): Promise<'never' | undefined> {
  const now = Date.parse(row.now);
  if (row.nextFire === null) {
    const next = nextFire(row, now);
    if (next === null) return 'never';
    await services.database.catalog.schedules.plan(row.id, iso(next));
    return undefined;
  }
  if (row.queuedFire !== null)
    await fireOne(row, { expected: null, next: null, missed: [], at: row.queuedFire }, services);
  const due = Date.parse(row.nextFire);
  if (due <= now) await fireDue(row, { due, now }, services);
  return undefined;
}

/** Fires the times that have come, one transaction each; what was missed is noted with the first. */
async function fireDue(
  row: DueSchedule,
  { due, now }: { readonly due: number; readonly now: number },
  services: Services,
): Promise<void> {
  const { fire, missed, more } = catchUp(row, due, now);
  const after = nextFire(row, now);
  const noted = {
    missed: missed.map(iso),
    missedDetail: more ? `and every time before it since ${iso(due)}` : null,
  };
  let expected = row.nextFire;
  for (const [i, at] of (fire.length > 0 ? fire : [null]).entries()) {
    const next = fire[i + 1] ?? after;
    const order = { expected, next: next === null ? null : iso(next), at: at === null ? null : iso(at) };
    const answer = await fireOne(row, i === 0 ? { ...order, ...noted } : { ...order, missed: [] }, services);
    if (answer.outcome === 'taken' || answer.outcome === 'stale_revision') return; // the next tick reads the schedule anew
    expected = order.next;
  }
}

type FireOrder = {
  readonly expected: string | null;
  readonly next: string | null;
  readonly missed: readonly string[];
  readonly missedDetail?: string | null;
  readonly at: string | null;
};

async function fireOne(row: DueSchedule, { at, ...order }: FireOrder, services: Services): Promise<FireAnswer> {
  const { schedules, revisions } = services.database.catalog;
  const firing = { scheduleId: row.id, ...order, fireAt: at };
  if (at === null) return schedules.fire({ ...firing, start: null });
  const revision = await revisions.get(row.revisionId);
  if (revision === null) return { outcome: 'stale_revision' };
  const start = services.starter.request({
    revision,
    trigger: { node: row.node, kind: 'schedule', firing: `${row.id}:${at}` },
    input: { scheduledFor: at, firedAt: row.now },
    dedupKey: null,
    mustBePublished: true,
  });
  const replaced = row.overlap === 'cancel_running' ? await cancelBefore(row, at, services) : 0;
  return schedules.fire({ ...firing, start, detail: replaced > 0 ? `cancelled ${replaced} still running` : null });
}

/** Cancels the living runs of firings before this one: never its own, also when another server has fired it already. */
async function cancelBefore(row: DueSchedule, at: string, services: Services): Promise<number> {
  const ids = await services.database.catalog.schedules.living(row.id, at);
  for (const runId of ids)
    await services.database.control.cancel({ runId, by: 'schedule', reason: `replaced by the run of ${at}` });
  return ids.length;
}

const iso = (ms: number): string => new Date(ms).toISOString();
