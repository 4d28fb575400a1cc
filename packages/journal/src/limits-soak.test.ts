import type { NewEvent } from '@switchyard/pipeline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../../test/harness/database.ts';
import { type FaultProxy, startFaultProxy } from '../../../test/harness/fault-proxy.ts';
import {
  appendOf,
  type JournalBench,
  note,
  openJournalBench,
  startOf,
  succeeded,
} from '../../../test/harness/journal.ts';
import { checkJournal } from '../../../test/harness/journal-check.ts';
import type { AppendAnswer, AppendRequest, Speaker, StartRunRequest, StepHint, WorkerSession } from './contract.ts';
import type { Database } from './database-contract.ts';

/*
 * Limits, child runs, pause and cancel while answers are lost and workers die. At most four
 * runs at once, and two of their steps; a third of them call a child that has the place with them. A watcher looks all the time.
 */

const RUNS = 60;
const WORKERS = 4;
const LIMIT = { key: 'two', max: 2 };
const LIMITS = { concurrency: { key: 'four', max: 4 } };

let bench: JournalBench;
let proxy: FaultProxy;
let databases: Database[];
let stopped = false;
const hints: StepHint[] = [];
const met: Record<string, number> = {};
const meet = (what: string): void => {
  met[what] = (met[what] ?? 0) + 1;
};
let moves = 0;
let drawn = 1;
/** Lehmer's generator: the same faults in each run of the test, as far as timing lets them. */
const chance = (share: number): boolean => {
  drawn = (drawn * 48_271) % 2_147_483_647;
  return drawn / 2_147_483_647 < share;
};
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

beforeAll(async () => {
  bench = await openJournalBench();
  proxy = await startFaultProxy(bench.test.url);
  databases = [];
  for (let index = 0; index < WORKERS; index++) databases.push(await bench.openAnother({ url: proxy.url }));
});
afterAll(async () => {
  await bench.close();
  await proxy.close();
});

class Dead extends Error {}

/** The child that a step calls. */
function childOf(runId: string): StartRunRequest {
  const request = startOf(bench, ['b'], { mustBePublished: false, limits: LIMITS, stepLimits: { b: LIMIT } });
  const parent = { run: runId, step: 'a', depth: 1 };
  return { ...request, started: { ...request.started, data: { ...request.started.data, parent } } };
}

const ends = (me: Speaker, cancelled: boolean): Partial<AppendRequest> & { readonly events: readonly NewEvent[] } =>
  cancelled
    ? {
        events: [
          { kind: 'step.cancelled', data: {}, stepKey: me.stepKey },
          { kind: 'run.cancelled', data: {}, stepKey: null },
        ],
        ...{ ownState: { state: 'cancelled' }, runState: 'cancelled' },
      }
    : {
        events: [succeeded(me.stepKey), { kind: 'run.succeeded', data: { output: null }, stepKey: null }],
        ...{ ownState: { state: 'succeeded' }, runState: 'succeeded' },
      };

/** Whether this step calls a child, decided by its run, and has not yet. */
async function calls({ journal }: Database, { runId, stepKey }: StepHint): Promise<boolean> {
  if (stepKey !== 'a' || Number.parseInt(runId.slice(-2), 16) % 3 !== 0) return false;
  return !(await journal.events(runId, { after: 0 })).some((event) => event.kind === 'step.waiting');
}

type Lane = {
  me: Speaker;
  version: number;
  cancel: boolean;
  readonly child: StartRunRequest | null;
  readonly runId: string;
};

/** The append that comes next in a step: a note, then the call of a child or the end. */
function next({ runId, me, version, cancel, child }: Lane): AppendRequest {
  if (me.n === 0) return appendOf(runId, me, [note(me.stepKey)]);
  if (child === null || cancel) {
    const { events, ...end } = ends(me, cancel);
    return appendOf(runId, me, events, { version, ...end });
  }
  const wait: NewEvent = { kind: 'step.waiting', data: { reason: 'child', child: child.runId }, stepKey: me.stepKey };
  return appendOf(runId, me, [wait], { version, ownState: { state: 'waiting' }, child });
}

/** What an answer changes; false: this worker holds the step no more. */
function heard(lane: Lane, request: AppendRequest, answer: AppendAnswer): boolean {
  meet(answer.outcome);
  if (answer.outcome === 'lost' || answer.outcome === 'over') return false;
  if (answer.outcome === 'behind') lane.version = answer.version;
  lane.cancel ||= answer.outcome === 'stopped' || answer.missed.some((event) => event.kind === 'run.cancel_requested');
  if (answer.outcome !== 'done' && answer.outcome !== 'already') return true;
  if (request.child !== undefined) meet('child');
  if (request.ownState !== undefined) return false;
  lane.me = { ...lane.me, n: 1 };
  return true;
}

async function drive(database: Database, worker: WorkerSession, hint: StepHint): Promise<void> {
  const { runId, stepKey } = hint;
  const claimed = await database.journal.claim({ ...hint, worker: worker.id, seen: 0 });
  meet(`claim ${claimed.outcome}`);
  if (claimed.outcome === 'dead') throw new Dead();
  if (claimed.outcome !== 'claimed') return;
  const child = (await calls(database, hint)) ? childOf(runId) : null;
  const me = { stepKey, epoch: claimed.epoch, n: 0, worker: worker.id };
  const lane: Lane = { me, version: claimed.version, cancel: claimed.cancel, child, runId };
  for (let going = true; going; ) {
    moves += 1;
    if (moves % 25 === 0) {
      meet('abandoned');
      throw new Dead();
    }
    await sleep(3);
    const request = next(lane);
    going = heard(lane, request, await database.journal.append(request));
  }
}

/** One life of a worker: registers, sweeps, drives hints until it dies. */
async function live(database: Database): Promise<void> {
  const worker = await database.registerWorker({ build: 'soak' });
  let dead = false;
  const tending = (async () => {
    for (let beat = 0; !stopped && !dead; beat++) {
      hints.push(...(await worker.sweep()));
      if (beat % 4 === 0 && (await worker.pulse()).outcome === 'dead') dead = true;
      await sleep(100);
    }
  })();
  try {
    while (!stopped && !dead) {
      const hint = hints.shift();
      if (hint === undefined) await sleep(3);
      else await drive(database, worker, hint);
    }
  } catch (error) {
    if (!(error instanceof Dead)) throw error;
  }
  dead = true;
  await tending;
  await bench.test.sql(
    'select pg_terminate_backend(pid) from pg_locks where classid = 21337 and objid = $1 and granted and database = (select oid from pg_database where datname = current_database())',
    [worker.id],
  );
  if (stopped) await worker.close();
}

const TORN = ['append', 'claim', 'append', 'request_cancel', 'append', 'request_pause'];

/** Loses an answer now and then: one that loses each of them lets nobody go on. */
async function disturb(): Promise<void> {
  for (let round = 0; !stopped; round++) {
    proxy.inject({ verb: 'cut', after: 0, towards: 'client', when: TORN[round % TORN.length] ?? 'append' });
    await sleep(80);
  }
}

/** Pauses a run for a moment and lets it go on. */
async function pauseOne(runId: string): Promise<void> {
  const { control, journal } = databases[0] ?? bench.database;
  await control.pause({ runId, by: 'soak' });
  await sleep(20);
  for (let told = false; !told; ) {
    told = true;
    for (const id of await control.family(runId)) {
      const rows = await control.rows(id);
      if (rows === null || !rows.paused) continue;
      const resumed: NewEvent = { kind: 'run.resumed', data: { by: 'soak' }, stepKey: null };
      const answer = await journal.append(appendOf(id, null, [resumed], { version: rows.version, seen: rows.seq }));
      told &&= answer.outcome === 'done' || answer.outcome === 'over';
      meet(`resume ${answer.outcome}`);
    }
  }
}

/** People who pause and cancel what runs. */
async function meddle(): Promise<void> {
  const { control } = databases[1] ?? bench.database;
  while (!stopped) {
    const [run] = await bench.test.sql<{ id: string }>(
      "select id from run where state = 'running' and cancel_at is null and parent_run is null order by random() limit 1",
    );
    if (run !== undefined && chance(0.3)) await control.cancel({ runId: run.id, by: 'soak' });
    else if (run !== undefined) await pauseOne(run.id);
    await sleep(30);
  }
}

/** What is at work now: runs with the place but for children, steps with a slot, and whether any waits. */
const NOW = `select (select count(*) from run where concurrency_key = 'four' and state = 'running')::int as runs,
  (select count(*) from step where limit_key = 'two' and owner is not null)::int as steps,
  (select count(*) from run where state = 'queued')::int as queued`;

it('K1, K2: never more than four runs nor two steps at once, and none is forgotten', async () => {
  const ear = bench.database.onDue((due) => hints.push(...due));
  const lives = databases.map(async (database) => {
    while (!stopped) await live(database);
  });
  const most = { runs: 0, steps: 0, queued: 0 };
  const watching = (async () => {
    while (!stopped) {
      const [now] = await bench.test.sql<typeof most>(NOW);
      if (now) for (const what of ['runs', 'steps', 'queued'] as const) most[what] = Math.max(most[what], now[what]);
      await sleep(5);
    }
  })();
  const others = [disturb(), meddle()];
  for (let made = 0; made < RUNS; made++) {
    await bench.database.journal.startRun(startOf(bench, ['a'], { limits: LIMITS, stepLimits: { a: LIMIT } }));
  }
  const living = () => bench.test.sql("select 1 from run where state in ('queued', 'running')");
  await eventually('every run to end', async () => ((await living()).length === 0 ? true : null), 60_000);
  stopped = true;
  await Promise.all([...lives, ...others, watching]);
  ear.close();
  const found = await checkJournal(bench.test, {
    'a child twice': 'select 1 from run where parent_run is not null group by parent_run having count(*) > 1',
    'a child of a cancelled parent that went on': `select 1 from run c join run p on p.id = c.parent_run
       where p.state = 'cancelled' and c.state = 'succeeded' and c.ended_at > p.ended_at + interval '2 s'`,
  });
  expect(found).toEqual(Object.fromEntries(Object.keys(found).map((name) => [name, 0])));
  expect([most.runs, most.steps]).toEqual([4, 2]);
  expect(most.queued).toBeGreaterThan(10);
  for (const what of ['child', 'abandoned', 'already', 'claim full', 'resume done'])
    expect([what, met[what] ?? 0]).not.toEqual([what, 0]);
  expect(proxy.fired.cut).toBeGreaterThan(10);
}, 90_000);
