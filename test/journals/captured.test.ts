import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { startRequest } from '@switchyard/journal';
import {
  compileGraph,
  EVENT_KINDS,
  emptyRun,
  foldRun,
  type JournalEvent,
  PipelineDocument,
  planResume,
} from '@switchyard/pipeline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UNREACHED } from '../crash/points.ts';
import { eventually } from '../harness/database.ts';
import { type PartProcess, startPart } from '../harness/parts.ts';
import { freePort } from '../harness/product.ts';
import { type Sink, startSink } from '../harness/sink.ts';
import { openWorkshop, type Workshop } from '../harness/workshop.ts';
import { type CapturedJournal, captured } from './journal-file.ts';

/*
 * Journals of earlier builds: each must fold on this one, and a run that an earlier build left half done must end as it
 * ended there. The rows at the cut are made from the events before it, which is all that counts for going on.
 */

const JOURNALS = captured();
/** What a person or a server does; nobody does it here, so the cut comes after. */
const FROM_OUTSIDE = new Set([
  'run.started',
  'run.paused',
  'run.resumed',
  'run.cancel_requested',
  'step.woken',
  'approval.decided',
]);

let shop: Workshop;
let sink: Sink;
let model: PartProcess;

beforeAll(async () => {
  shop = await openWorkshop('postgres');
  sink = await startSink();
  const port = await freePort();
  const main = fileURLToPath(new URL('../harness/program-model.ts', import.meta.url));
  model = await startPart(['--import', import.meta.resolve('tsx'), main, String(port)], {});
  const baseUrl = `http://127.0.0.1:${port}/v1`;
  await shop.database.catalog.connections.create({ name: 'scripted', dialect: 'kimi', baseUrl, model: 'scripted' });
});
afterAll(async () => {
  model.signal('SIGKILL');
  await shop.close();
  await sink.close();
});

test('there are at least 50, and each kind of event that can be written is in one', () => {
  expect(JOURNALS.length).toBeGreaterThanOrEqual(50);
  const kinds = new Set(
    JOURNALS.flatMap(([, { runs }]) => runs.flatMap(({ events }) => events.map(({ kind }) => kind))),
  );
  const missing = EVENT_KINDS.filter((kind) => !kinds.has(kind) && UNREACHED[kind] === undefined);
  expect(missing, 'capture them: npm run journals -- capture').toEqual([]);
});

test.each(JOURNALS)('%s folds, at every cut to the same state', (_, { runs }) => {
  for (const { events } of runs) {
    const whole = foldRun(emptyRun(), events);
    expect(whole.state).toBe(events.at(-1)?.kind.slice('run.'.length));
    for (const cut of [1, Math.floor(events.length / 2), events.length - 1])
      expect(foldRun(foldRun(emptyRun(), events.slice(0, cut)), events.slice(cut))).toEqual(whole);
  }
});

test('row 40: a kind that this build does not know stops the fold and writes nothing', () => {
  const [, { runs }] = JOURNALS[0] ?? ['', { runs: [] }];
  const events = runs[0]?.events ?? [];
  const foreign = { ...events[2], kind: 'step.teleported' } as unknown as JournalEvent;
  expect(() => foldRun(emptyRun(), [...events.slice(0, 2), foreign])).toThrow(
    expect.objectContaining({ code: 'needs_newer_worker' }),
  );
});

test('row 40: a run whose journal holds a kind of a newer build gets no row from this worker', async () => {
  const [, journal] = named('work');
  const { runId, events } = await plant(journal, cutOf(journal));
  await shop.test.sql(
    `insert into event (run_id, at, seq, kind, data) values ($1, clock_timestamp(), $2, 'step.teleported', '{}')`,
    [runId, events.length + 1],
  );
  await shop.test.sql('update run set seq = seq + 1 where id = $1', [runId]);
  const worker = await shop.worker({ allow: [{ origin: sink.origin, pathPrefix: '/' }] });
  const other = await shop.events(await shop.start(documentOf(named('fail')[1]), { t: 'other' }));
  expect(other.at(-1)?.kind).toBe('run.failed'); // so it was at work
  await eventually(
    'the worker to say so',
    () => shop.warnings.find((text) => text.includes('step.teleported')) ?? null,
  );
  await worker.stop();
  expect(await shop.database.journal.events(runId, { after: events.length + 1 })).toEqual([]);
});

test('each is gone on with from a cut in the middle, and ends as it ended', async () => {
  const planted: (Planted & { readonly name: string; readonly wanted: readonly string[] })[] = [];
  for (const [name, journal] of JOURNALS) {
    const cut = cutOf(journal);
    if (cut === null || journal.runs.length > 1) continue; // a caller cannot go on without the rows of whom it called
    planted.push({ name, ...(await plant(journal, cut)), wanted: endsOf(journal.runs[0]?.events ?? []) });
  }
  expect(planted.length).toBeGreaterThanOrEqual(45);
  await shop.worker({ allow: [{ origin: sink.origin, pathPrefix: '/' }] });
  for (const { name, runId, wanted, settled, token } of planted) {
    const events = await shop.events(runId);
    expect(endsOf(events), name).toEqual(wanted);
    const again = sink.of(token).filter(({ path }) => settled.has(path.split('/')[1] ?? ''));
    expect(again, `${name}: what was recorded is not asked again`).toEqual([]);
  }
}, 120_000);

const named = (script: string) => {
  const found = JOURNALS.find(([, journal]) => journal.script === script);
  if (found === undefined) throw new Error(`no journal of ${script}`);
  return found;
};

/** How each step ended, and the run. */
const endsOf = (events: readonly JournalEvent[]): string[] =>
  events
    .filter(({ kind }) => /^step\.(succeeded|failed|skipped|cancelled)$|^run\.(succeeded|failed|cancelled)$/.test(kind))
    .map(({ kind, stepKey }) => `${kind} ${stepKey}`)
    .toSorted();

/** A place between two transactions, as near to the middle as may be, after all that comes from outside; null: there is none. */
function cutOf({ runs }: CapturedJournal): number | null {
  const events = runs[0]?.events ?? [];
  const outside = events.findLastIndex(({ kind }) => FROM_OUTSIDE.has(kind)) + 1;
  const places = events.map((_, i) => i).filter((i) => i >= outside && i > 1 && events[i - 1]?.at !== events[i]?.at);
  const middle = events.length / 2;
  return places.toSorted((a, b) => Math.abs(a - middle) - Math.abs(b - middle))[0] ?? null;
}

/** The document, with this sink in place of the one of then. */
function documentOf(journal: CapturedJournal & { readonly origin: string }, place = 0) {
  const text = JSON.stringify(journal.runs[place]?.document).replaceAll(journal.origin, sink.origin);
  return PipelineDocument.parse(JSON.parse(text));
}

type Planted = {
  readonly runId: string;
  readonly token: string;
  readonly events: readonly JournalEvent[];
  /** Nodes whose result stands before the cut. */
  readonly settled: ReadonlySet<string>;
};

/** Stores a run as it was at the cut, under a new id, with nobody at work on it. */
async function plant(journal: CapturedJournal & { readonly origin: string }, cut: number | null): Promise<Planted> {
  const then = JSON.stringify(journal.runs[0]?.events ?? []).replaceAll(journal.origin, sink.origin);
  const events = (JSON.parse(then) as JournalEvent[]).slice(0, cut ?? undefined);
  const { runId, revision } = await insertRun(journal, events);
  const state = foldRun(emptyRun(), events);
  const keys = [...new Set(events.flatMap(({ stepKey }) => (stepKey === null ? [] : [stepKey])))];
  const settled = new Set<string>();
  for (const key of keys) {
    const own = events.filter(({ stepKey }) => stepKey === key);
    const row = rowOf(own);
    if (row.state !== 'queued' && row.state !== 'waiting') settled.add(key);
    // a loop has no row of its own, and a step of a kind that was never claimed none either
    if (own.some(({ kind }) => kind === 'loop.started') || row.epoch === null) continue;
    await insertStep(runId, key, row);
  }
  for (const { key } of planResume(compileGraph(revision), state, new Set(keys)))
    await insertStep(runId, key, { state: 'queued', epoch: 0, attempt: 1 });
  return { runId, token: journal.token, events, settled };
}

async function insertRun(journal: CapturedJournal & { readonly origin: string }, events: readonly JournalEvent[]) {
  const { catalog } = shop.server;
  const document = documentOf(journal);
  const pipeline = await catalog.pipelines.create({ name: `captured ${randomUUID()}` });
  const revision = await catalog.revisions.snapshot(pipeline.id, document);
  const [first] = events;
  if (first?.kind !== 'run.started') throw new Error('a journal begins with run.started');
  const { trigger } = first.data;
  const { runId } = startRequest(
    { revision, trigger: { node: trigger.node, kind: 'manual' }, input: null, dedupKey: null, mustBePublished: false },
    { projectId: catalog.projectId, now: Date.now() },
  );
  const cancelled = events.some(({ kind }) => kind === 'run.cancel_requested');
  await shop.test.sql(
    `insert into run (id, pipeline_id, revision_id, root_run, seq, version, state, trigger_node, trigger_kind, cancel_at)
     values ($1, $2, $3, $1, $4, $4, 'running', $5, 'manual', case when $6 then clock_timestamp() end)`,
    [runId, pipeline.id, revision.id, events.length, trigger.node, cancelled],
  );
  const named = { id: revision.id, number: revision.number, hash: revision.hash };
  for (const { at, seq, epoch, n, kind, stepKey, data } of [
    { ...first, data: { ...first.data, revision: named } },
    ...events.slice(1),
  ])
    await shop.test.sql(
      'insert into event (run_id, at, seq, epoch, n, kind, step_key, data) values ($1, $2, $3, $4, $5, $6, $7, $8)',
      [runId, at, seq, epoch, n, kind, stepKey, JSON.stringify(data)],
    );
  return { runId, revision: document };
}

type Row = { readonly state: string; readonly epoch: number | null; readonly attempt: number };

/** What the events of one step say of its row. */
function rowOf(own: readonly JournalEvent[]): Row {
  const last = own.findLast(({ kind }) => kind.startsWith('step.'));
  const attempts = own.flatMap((event) => (event.kind === 'step.started' ? [event.data.attempt] : []));
  const name = last?.kind.slice('step.'.length) ?? 'started';
  const state = name === 'started' || name === 'retrying' ? 'queued' : name;
  return { state, epoch: own.findLast(({ epoch }) => epoch !== null)?.epoch ?? null, attempt: attempts.at(-1) ?? 1 };
}

/** Live steps are due at once: nobody alive holds them. */
async function insertStep(runId: string, key: string, { state, epoch, attempt }: Row): Promise<void> {
  const due = state === 'queued' || state === 'waiting';
  await shop.test.sql(
    `insert into step (run_id, key, state, epoch, attempt, due_at, pipeline_id)
     select $1, $2, $3, $4, $5, case when $6 then clock_timestamp() end, pipeline_id from run where id = $1`,
    [runId, key, state, epoch, attempt, due],
  );
}
