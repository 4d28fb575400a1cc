import type { NewEvent } from '@switchyard/pipeline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../../test/harness/database.ts';
import { type FaultProxy, startFaultProxy } from '../../../test/harness/fault-proxy.ts';
import {
  appendOf,
  type JournalBench,
  openJournalBench,
  started,
  startOf,
  succeeded,
} from '../../../test/harness/journal.ts';
import { checkJournal } from '../../../test/harness/journal-check.ts';
import type { AppendRequest, Speaker, StepHint, WorkerSession } from './contract.ts';
import type { Database } from './database-contract.ts';

/*
 * The SQL itself under faults: workers drive fork-join runs (a with a tool that must not be repeated, b, then j) while answers
 * are torn off, connections killed, workers abandoned or paused past their time, hints lost and doubled, runs cancelled. At the
 * end every run has ended and the journal is checked. Completeness is the model checker's; this shows that the SQL is what it checked.
 */

const RUNS = 150;
const WORKERS = 4;
const SEED = 20_261_125;

/** mulberry32: the same faults in each run of the test, as far as timing lets them. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const random = randomOf(SEED);
const chance = (share: number): boolean => random() < share;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let bench: JournalBench;
let proxy: FaultProxy;
let databases: Database[];
const hints: StepHint[] = [];
const effects = new Map<string, number>();
const met: Record<string, number> = {};
let stopped = false;

const meet = (what: string): void => {
  met[what] = (met[what] ?? 0) + 1;
};

/** The doorbell, which loses and doubles. What the sweep rings is not lost here: it would be rung again only after 30 s. */
function ring(all: readonly StepHint[], lost: number): void {
  for (const hint of all) {
    if (chance(lost)) meet('hint lost');
    else hints.push(hint);
    if (chance(0.1)) hints.push(hint);
  }
}

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

/** What the fold of this little pipeline knows. */
type Known = { seq: number; version: number; readonly done: Set<string>; readonly open: Set<string>; cancel: boolean };

function fold(
  known: Known,
  events: readonly { readonly seq: number; readonly kind: string; readonly stepKey: string | null }[],
): void {
  for (const { seq, kind, stepKey } of events) {
    if (seq <= known.seq) continue;
    known.seq = seq;
    if (kind === 'run.cancel_requested') known.cancel = true;
    if (stepKey === null) continue;
    if (kind === 'step.succeeded' || kind === 'step.cancelled') known.done.add(stepKey);
    if (kind === 'step.started') known.open.add(stepKey);
  }
}

class Dead extends Error {}

const toolEvent = (kind: 'tool.started' | 'tool.finished' | 'tool.in_doubt'): NewEvent => {
  if (kind === 'tool.started')
    return { kind, data: { turn: 1, call: { id: 'c', name: 'once', arguments: '{}' }, policy: 'ask' }, stepKey: 'a' };
  if (kind === 'tool.finished')
    return { kind, data: { turn: 1, call: 'c', result: { inline: 1 }, failed: false, ms: 1 }, stepKey: 'a' };
  return { kind, data: { call: 'c' }, stepKey: 'a' };
};

/** The structural append that ends this step, decided from what is known. */
function ending(runId: string, me: Speaker, known: Known): AppendRequest {
  const others = [...known.open].filter((key) => key !== me.stepKey && !known.done.has(key));
  const at = { version: known.version, seen: known.seq };
  if (known.cancel) {
    const cancelled: NewEvent = { kind: 'step.cancelled', data: {}, stepKey: me.stepKey };
    if (others.length > 0) return appendOf(runId, me, [cancelled], { ...at, ownState: { state: 'cancelled' } });
    return appendOf(runId, me, [cancelled, { kind: 'run.cancelled', data: {}, stepKey: null }], {
      ...at,
      ownState: { state: 'cancelled' },
      runState: 'cancelled',
    });
  }
  const own = { ...at, ownState: { state: 'succeeded' } } as const;
  if (me.stepKey === 'j')
    return appendOf(runId, me, [succeeded('j'), { kind: 'run.succeeded', data: { output: null }, stepKey: null }], {
      ...own,
      runState: 'succeeded',
    });
  if (others.length > 0) return appendOf(runId, me, [succeeded(me.stepKey)], own);
  return appendOf(runId, me, [succeeded(me.stepKey), started('j', me.worker)], {
    ...own,
    open: [{ stepKey: 'j', mine: true }],
  });
}

type Part = 'first' | 'effect' | 'result' | 'doubt' | 'finish';

/** The next append of a step, by where it stands. */
function next(runId: string, me: Speaker, known: Known, part: Part): AppendRequest {
  if (part === 'finish' || known.cancel) return ending(runId, me, known);
  if (part === 'first') return appendOf(runId, me, [toolEvent('tool.started')], { intent: true });
  if (part === 'result') return appendOf(runId, me, [toolEvent('tool.finished')]);
  return appendOf(
    runId,
    me,
    [toolEvent('tool.in_doubt'), { kind: 'step.waiting', data: { reason: 'decision' }, stepKey: 'a' }],
    {
      version: known.version,
      seen: known.seq,
      ownState: { state: 'waiting' },
    },
  );
}

/** Where a claimer goes on: from what the step itself has recorded. */
async function resume({ journal }: Database, hint: StepHint): Promise<Part> {
  if (hint.stepKey !== 'a') return 'finish';
  const own = (await journal.events(hint.runId, { after: 0, stepKey: 'a' })).map((event) => event.kind);
  if (own.includes('tool.finished') || own.includes('tool.decided')) return 'finish';
  return own.includes('tool.started') ? 'doubt' : 'first';
}

async function fault(worker: WorkerSession): Promise<void> {
  if (chance(0.008)) {
    meet('abandoned');
    throw new Dead();
  }
  if (!chance(0.008)) return;
  meet('paused past its time');
  await bench.test.sql('update worker set alive_until = clock_timestamp() where id = $1', [worker.id]);
  await sleep(500);
}

/** A worker inside one step: what it knows, its lease, where it stands. */
type Lane = { readonly runId: string; readonly known: Known; me: Speaker; part: Part };

async function claim(database: Database, worker: WorkerSession, hint: StepHint): Promise<Lane | null> {
  const claimed = await database.journal.claim({ ...hint, worker: worker.id, seen: 0 });
  if (claimed.outcome === 'dead') throw new Dead();
  if (claimed.outcome !== 'claimed') return null;
  const { version, cancel, epoch } = claimed;
  const known: Known = { seq: 0, version, done: new Set(), open: new Set(['a', 'b']), cancel };
  fold(known, claimed.missed);
  const me = { stepKey: hint.stepKey, epoch, n: 0, worker: worker.id };
  return { runId: hint.runId, known, me, part: await resume(database, hint) };
}

/** After `done` or `already`; false: this worker holds nothing of the run any more. */
function goOn(lane: Lane, request: AppendRequest): boolean {
  const { known, me } = lane;
  if (request.version !== null) known.version = request.version + 1;
  lane.me = { ...me, n: (me.n ?? 0) + 1 };
  if (request.ownState === undefined) {
    lane.part = lane.part === 'first' ? 'effect' : 'finish';
    return true;
  }
  if (request.open.length === 0) return false;
  known.done.add(me.stepKey);
  known.open.add('j');
  lane.me = { ...me, stepKey: 'j', epoch: 1, n: 0 };
  return true;
}

async function drive(database: Database, worker: WorkerSession, hint: StepHint): Promise<void> {
  const lane = await claim(database, worker, hint);
  for (let going = lane !== null; lane !== null && going; ) {
    const { runId, known } = lane;
    await fault(worker);
    if (lane.part === 'effect') {
      effects.set(runId, (effects.get(runId) ?? 0) + 1);
      lane.part = 'result';
    }
    const request = next(runId, lane.me, known, lane.part);
    const answer = await database.journal.append(request);
    meet(answer.outcome);
    if (answer.outcome === 'lost' || answer.outcome === 'over') return;
    if (answer.outcome === 'done' || answer.outcome === 'already') going = goOn(lane, request);
    // a stop brings no events: what was missed comes with the `behind` that follows
    if (answer.outcome === 'stopped') known.cancel = true;
    fold(known, answer.missed);
    if (answer.outcome === 'behind') known.version = answer.version;
  }
}

/** One life of a worker: registers, pulses, sweeps, drives hints until it dies. */
async function live(database: Database): Promise<void> {
  const worker = await database.registerWorker({ build: 'soak' });
  let dead = false;
  const tending = (async () => {
    for (let beat = 0; !stopped && !dead; beat++) {
      ring(await worker.sweep(), 0);
      if (beat % 4 === 0 && (await worker.pulse()).outcome === 'dead') dead = true;
      await sleep(100);
    }
  })();
  try {
    while (!stopped && !dead) {
      const [hint] = hints.splice(Math.floor(random() * hints.length), 1);
      if (hint === undefined) await sleep(3);
      else await drive(database, worker, hint);
    }
  } catch (error) {
    if (!(error instanceof Dead)) throw error;
  }
  dead = true;
  await tending;
  // an abandoned one says nothing: its connection breaks and its steps are found by the sweep
  await bench.test.sql(
    'select pg_terminate_backend(pid) from pg_locks where classid = 21337 and objid = $1 and granted and database = (select oid from pg_database where datname = current_database())',
    [worker.id],
  );
  if (stopped) await worker.close();
}

async function disturb(): Promise<void> {
  while (!stopped) {
    const when = ['append', 'append', 'claim'][Math.floor(random() * 3)] ?? 'append';
    proxy.inject({ verb: 'cut', after: 0, towards: 'client', when });
    if (chance(0.2)) {
      meet('connection killed');
      await bench.test.sql(
        `select pg_terminate_backend(pid) from (select pid from pg_stat_activity where datname = current_database() and application_name = 'test' order by random() limit 1) victim`,
      );
    }
    await sleep(15);
  }
}

async function decide(): Promise<void> {
  while (!stopped) {
    const waiting = await bench.test.sql<{ run_id: string; epoch: number }>(
      "select run_id, epoch from step where state = 'waiting' and due_at is null",
    );
    for (const { run_id: runId, epoch } of waiting) {
      await bench.database.control.wake({
        runId,
        stepKey: 'a',
        epoch,
        event: { kind: 'tool.decided', data: { call: 'c', decision: 'use', by: 'soak' } },
      });
      meet('decided');
    }
    await sleep(50);
  }
}

it('keeps its promises under faults', async () => {
  const lives = databases.map(async (database) => {
    while (!stopped) await live(database);
  });
  const others = [disturb(), decide()];
  for (let made = 0; made < RUNS; made++) {
    const request = startOf(bench, ['a', 'b']);
    await bench.database.journal.startRun(request);
    ring(
      ['a', 'b'].map((stepKey) => ({ runId: request.runId, stepKey, epoch: 0 })),
      0.05,
    );
    if (chance(0.15))
      others.push(
        sleep(random() * 30).then(
          async () => void (await bench.database.control.cancel({ runId: request.runId, by: 'soak' })),
        ),
      );
    await eventually('hands for more', () => (hints.length < 20 ? true : null));
  }
  const running = () => bench.test.sql("select id from run where state in ('queued', 'running')");
  await eventually('every run to end', async () => ((await running()).length === 0 ? true : null), 45_000);
  stopped = true;
  await Promise.all([...lives, ...others]);

  const found = await checkJournal(bench.test, {
    'I14 the join not exactly once after both': `select 1 from event j where kind = 'step.started' and step_key = 'j' and epoch = 1
       and 2 <> (select count(*) from event p where p.run_id = j.run_id and p.seq < j.seq and p.kind = 'step.succeeded' and p.step_key in ('a', 'b'))`,
    'I4 a second intent': `select 1 from event where kind = 'tool.started' group by run_id having count(*) > 1`,
  });
  expect(found).toEqual(Object.fromEntries(Object.keys(found).map((name) => [name, 0])));
  expect(Math.max(...effects.values())).toBe(1);
  // the faults must have happened, else nothing was shown
  expect(proxy.fired.cut).toBeGreaterThan(10);
  for (const what of ['done', 'already', 'behind', 'lost', 'abandoned', 'hint lost', 'connection killed'])
    expect([what, met[what] ?? 0]).not.toEqual([what, 0]);
}, 90_000);
