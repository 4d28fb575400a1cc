import { createHash } from 'node:crypto';
import type { NewEvent, PipelineDocument, StoredValue } from '@switchyard/pipeline';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  appendOf,
  claimFirst,
  type JournalBench,
  openJournalBench,
  type Startable,
  startOf,
  succeeded,
} from '../../../test/harness/journal.ts';
import { checkJournal } from '../../../test/harness/journal-check.ts';
import type { BlobContent, StartRunRequest, WorkerSession } from './contract.ts';
import { uuidV7 } from './uuid.ts';

const DAY_MS = 24 * 3_600_000;
const EMPTY: PipelineDocument = { format: 1, nodes: [], edges: [], notes: [] };

let bench: JournalBench;
let worker: WorkerSession;
let made = 0;

beforeAll(async () => {
  bench = await openJournalBench();
  worker = await bench.database.registerWorker({ build: 'test' });
});
afterAll(async () => {
  await worker.close();
  await bench.close();
});
beforeEach(async () => void (await bench.database.prune()));

/** A published pipeline with this retention. */
async function keeping(settings: Partial<NonNullable<PipelineDocument['settings']>>): Promise<Startable> {
  const { pipelines } = bench.database.catalog;
  const document = { ...EMPTY, settings: { queueMax: 10_000, priority: 0, weight: 1, keepDays: 30, ...settings } };
  const row = await pipelines.create({ name: 'kept', document });
  const published = await pipelines.publish({ id: row.id, ifVersion: row.version });
  if (published === null || 'conflict' in published) throw new Error('not published');
  return { pipeline: row, revision: published.revision };
}

const ended: NewEvent = { kind: 'run.succeeded', data: { output: null }, stepKey: null };

/** The values of a start; `daysAgo` is in its id, which is how old a run is. */
const order = (
  target: Startable,
  daysAgo: number,
  open: readonly string[],
  more: Partial<StartRunRequest> = {},
): StartRunRequest =>
  startOf(target, open, { runId: uuidV7(Date.now() - daysAgo * DAY_MS + ++made), mustBePublished: false, ...more });

/** Times of a run as if all of it had been so long ago. */
const age = (runId: string, daysAgo: number) =>
  bench.test.sql(
    `update run set created_at = created_at - $2 * interval '1 day', ended_at = ended_at - $2 * interval '1 day' where id = $1`,
    [runId, daysAgo],
  );

async function endedRun(target: Startable, daysAgo: number, more: Partial<StartRunRequest> = {}): Promise<string> {
  const request = order(target, daysAgo, [], {
    runState: 'succeeded',
    ...more,
    events: [...(more.events ?? []), ended],
  });
  await bench.database.journal.startRun(request);
  await age(request.runId, daysAgo);
  return request.runId;
}

/** A parent that has ended, and its child, which lives or has ended. */
async function family(target: Startable, daysAgo: number, childLives: boolean) {
  const { journal } = bench.database;
  const request = order(target, daysAgo, ['a']);
  await journal.startRun(request);
  const { runId } = request;
  const me = await claimFirst(bench.database, runId, 'a', worker.id);
  const child = order(
    target,
    daysAgo,
    childLives ? ['x'] : [],
    childLives ? {} : { runState: 'succeeded', events: [ended] },
  );
  const parent = { run: runId, step: 'a', depth: 1 };
  const started = { ...child.started, data: { ...child.started.data, parent } };
  const last = appendOf(runId, me, [succeeded('a'), ended], {
    ...{ version: 2, seen: 3, ownState: { state: 'succeeded' }, runState: 'succeeded' },
  });
  const note: NewEvent = { kind: 'note', data: { text: 'calls and does not wait' }, stepKey: 'a' };
  const call = appendOf(runId, me, [note], { version: 1, seen: 2, child: { ...child, started } });
  expect((await journal.append(call)).outcome).toBe('done');
  expect((await journal.append({ ...last, speaker: { ...me, n: 1 } })).outcome).toBe('done');
  for (const id of [runId, child.runId]) await age(id, daysAgo);
  return { runId, childId: child.runId };
}

const exists = async (...ids: string[]): Promise<boolean[]> => {
  const rows = await bench.test.sql<{ id: string }>('select id from run where id = any ($1)', [ids]);
  return ids.map((id) => rows.some((row) => row.id === id));
};

/** Rows that point at runs or blobs that are not there. */
const DANGLING = {
  'I18 an event, step or reference of no run': `select 1 from event e where not exists (select from run r where r.id = e.run_id)
     union all select 1 from step s where not exists (select from run r where r.id = s.run_id)
     union all select 1 from blob_ref b where not exists (select from run r where r.id = b.run_id)`,
  'I18 a reference to no blob': 'select 1 from blob_ref b where not exists (select from blob where blob.sha = b.sha)',
  'I18 a child of no parent':
    'select 1 from run c where c.parent_run is not null and not exists (select from run p where p.id = c.parent_run)',
  'I18 a firing of no run':
    'select 1 from firing f where f.run_id is not null and not exists (select from run r where r.id = f.run_id)',
  'I18 an event names a blob that is gone': `select 1 from event e where e.data #>> '{output,blob,sha256}' is not null
     and not exists (select from blob b where encode(b.sha, 'hex') = e.data #>> '{output,blob,sha256}')`,
} as const;

async function sound(): Promise<void> {
  const found = await checkJournal(bench.test, DANGLING);
  expect(found).toEqual(Object.fromEntries(Object.keys(found).map((name) => [name, 0])));
}

const blobOf = (text: string): { readonly blob: BlobContent; readonly value: StoredValue } => {
  const bytes = Buffer.from(JSON.stringify(text));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const named = { sha256, bytes: bytes.length, mediaType: 'application/json', head: '', tail: '' };
  return { blob: { sha256, mediaType: 'application/json', bytes }, value: { blob: named } };
};
const holding = (value: StoredValue): NewEvent => ({
  kind: 'step.succeeded',
  data: { output: value, ports: ['out'] },
  stepKey: 'v',
});

const blobs = async (): Promise<number> =>
  (await bench.test.sql<{ n: number }>('select count(*)::int as n from blob'))[0]?.n ?? -1;
const hourPasses = () => bench.test.sql("update blob_loose set at = at - interval '1 hour'");

describe('retention by age', () => {
  it('I18: takes ended families older than keepDays, and no living run, parent or child', async () => {
    const [short, forEver] = [await keeping({ keepDays: 3 }), await keeping({ keepDays: null })];
    const old = await endedRun(short, 4);
    const young = await endedRun(short, 2);
    const kept = await endedRun(forEver, 400);
    const byDefault = await endedRun(bench, 29);
    const living = order(short, 9, ['a']);
    await bench.database.journal.startRun(living);
    await age(living.runId, 9);
    const dead = await family(short, 5, false);
    const half = await family(short, 5, true);
    const gone = await bench.database.prune();
    expect(gone.runs).toBe(3);
    expect(gone.runBytes).toBeGreaterThan(0);
    expect(await exists(old, dead.runId, dead.childId)).toEqual([false, false, false]);
    expect(await exists(young, kept, byDefault, living.runId, half.runId, half.childId)).toEqual(
      Array.from({ length: 6 }, () => true),
    );
    await bench.database.control.cancel({ runId: half.childId, by: 'test' });
    expect((await bench.database.prune()).runs).toBe(0); // its child has ended, but its parent's family not 3 days ago
    await age(half.childId, 5);
    expect((await bench.database.prune()).runs).toBe(2);
    await bench.database.control.cancel({ runId: living.runId, by: 'test' });
    await sound();
  });

  it('I18: lets a run wait whose alarm nobody has heard yet, and forgets the run of a firing, not the firing', async () => {
    const target = await keeping({ keepDays: 1 });
    const [alarmed, fired] = [await endedRun(target, 2), await endedRun(target, 2)];
    await bench.test.sql('insert into alarm (run_id) values ($1)', [alarmed]);
    await bench.test.sql("insert into firing (schedule_id, fire_at, outcome, run_id) values ($1, now(), 'fired', $1)", [
      fired,
    ]);
    await bench.database.prune();
    expect(await exists(alarmed, fired)).toEqual([true, false]);
    expect(await bench.test.sql('select outcome, run_id from firing')).toEqual([{ outcome: 'fired', run_id: null }]);
    await bench.database.control.closeAlarm(alarmed);
    await bench.database.prune();
    expect(await exists(alarmed)).toEqual([false]);
    await sound();
  });

  it('I18: keeps a value as long as any run refers to it, and takes it ten minutes after the last', async () => {
    const target = await keeping({ keepDays: 1 });
    const { blob, value } = blobOf('shared '.repeat(9_000));
    const before = await blobs();
    const first = await endedRun(target, 2, { events: [holding(value)], blobs: [blob] });
    const second = await endedRun(target, 0.5, { runId: uuidV7(Date.now() - 5 * DAY_MS), events: [holding(value)] });
    expect((await bench.database.prune()).runs).toBe(1);
    await hourPasses();
    expect((await bench.database.prune()).blobs).toBe(0);
    expect(await exists(first, second)).toEqual([false, true]);
    expect((await bench.database.catalog.runs.blob(second, blob.sha256))?.bytes.length).toBe(blob.bytes.length);
    expect(await blobs()).toBe(before + 1);
    await age(second, 2);
    expect((await bench.database.prune()).runs).toBe(1);
    expect(await blobs()).toBe(before + 1);
    await hourPasses();
    expect(await bench.database.prune()).toEqual({ runs: 0, runBytes: 0, blobs: 1, blobBytes: blob.bytes.length });
  });

  it('I18: a value that lost its last reference is there for a copy made within the grace', async () => {
    const target = await keeping({ keepDays: 1 });
    const { blob, value } = blobOf('copied '.repeat(9_000));
    await endedRun(target, 2, { events: [holding(value)], blobs: [blob] });
    await bench.database.prune();
    const copy = await endedRun(target, 0, { events: [holding(value)] });
    await hourPasses();
    expect((await bench.database.prune()).blobs).toBe(0);
    expect(await bench.database.catalog.runs.blob(copy, blob.sha256)).not.toBeNull();
    await sound();
  });
});

describe('retention by bytes', () => {
  it('Q8: a chatty pipeline holds its budget, the oldest go first, another pipeline is not touched, space is given back', async () => {
    const budget = 4_000_000;
    const [chatty, quiet] = [await keeping({ keepBytes: budget }), await keeping({})];
    const witness = await endedRun(quiet, 0, { events: [holding({ inline: 'small' })] });
    const size = async () => {
      await bench.test.sql('vacuum blob');
      const [row] = await bench.test.sql<{ n: string }>("select pg_total_relation_size('blob') as n");
      return Number(row?.n);
    };
    const fill = async (round: number): Promise<string[]> => {
      const runs: string[] = [];
      for (let n = 0; n < 20; n++) {
        const { blob, value } = blobOf(`${round}/${n} `.repeat(200_000).slice(0, 500_000));
        runs.push(await endedRun(chatty, 0, { events: [holding(value)], blobs: [blob] }));
      }
      return runs;
    };
    const first = await fill(1);
    const held = async () =>
      Number(
        (
          await bench.test.sql<{ n: string }>('select sum(bytes) as n from run where pipeline_id = $1', [
            chatty.pipeline.id,
          ])
        )[0]?.n,
      );
    expect(await held()).toBeGreaterThan(9_000_000);
    const gone = await bench.database.prune();
    expect(await held()).toBeLessThanOrEqual(budget);
    expect(await held()).toBeGreaterThan(budget - 600_000);
    expect(await exists(...first)).toEqual(first.map((_, at) => at >= first.length - (20 - gone.runs)));
    expect(await exists(witness)).toEqual([true]);
    await hourPasses();
    expect((await bench.database.prune()).blobBytes).toBeGreaterThan(gone.runs * 490_000);
    for (const round of [2, 3, 4]) {
      await fill(round);
      await bench.database.prune();
      await hourPasses();
      await bench.database.prune();
      await size();
    }
    expect(await size()).toBeLessThan(budget + 12_000_000); // 40 MB went through, 10 at a time
    await sound();
  });

  it('leaves the newest run, though it alone is beyond the budget', async () => {
    const target = await keeping({ keepBytes: 1_000_000 });
    const { blob, value } = blobOf('z'.repeat(2_000_000));
    const runId = await endedRun(target, 0, { events: [holding(value)], blobs: [blob] });
    await bench.database.prune();
    expect(await exists(runId)).toEqual([true]);
    const next = await endedRun(target, 0);
    await bench.database.prune();
    expect(await exists(runId, next)).toEqual([false, true]);
  });
});

describe('retention beside writers', () => {
  it('I18: values are whole for whoever refers to them while families go, on several servers at once', async () => {
    const target = await keeping({ keepBytes: 1_000_000 });
    const others = [await bench.openAnother(), await bench.openAnother()];
    const values = Array.from({ length: 6 }, (_, n) => blobOf(`${n}`.repeat(60_000)));
    let running = true;
    const pruning = [bench.database, ...others].map(async (database) => {
      while (running) {
        await database.prune();
        await hourPasses();
      }
    });
    const lane = async (seed: number): Promise<void> => {
      for (let n = 0; n < 40; n++) {
        const one = values[(n * seed) % values.length];
        if (one === undefined) throw new Error('a value');
        // every other one is only named: then it is there or the reference is not made
        const blobsOf = n % 2 === 0 ? [one.blob] : [];
        await endedRun(target, 0, { events: n % 2 === 0 ? [holding(one.value)] : [], blobs: blobsOf });
      }
    };
    await Promise.all([lane(1), lane(5), lane(7)]);
    running = false;
    await Promise.all(pruning);
    await sound();
    expect(Number((await bench.test.sql<{ n: string }>('select count(*) as n from run'))[0]?.n)).toBeGreaterThan(1);
  });
});
