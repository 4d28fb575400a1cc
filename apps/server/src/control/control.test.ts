import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type JournalEvent, type PipelineDocument, Settings } from '@switchyard/pipeline';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../../test/harness/database.ts';
import { startWorkerOn } from '../../../../test/harness/worker.ts';
import { draw } from '../../../../test/harness/workshop.ts';
import { startTestServer, type TestServer } from '../testing/test-server.ts';

/* Pause, resume, retry and error pipelines, over the API and with a real worker. */

let server: TestServer;
let stopWorker: () => Promise<void>;
let site: Server;
let origin: string;
/** Requests in hand, by path; each is answered by the test. */
const held = new Map<string, () => void>();
const asked: string[] = [];
/** Paths that answer 500. */
const broken = new Set<string>();
beforeAll(async () => {
  site = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const answer = () => {
      response.statusCode = broken.has(path) ? 500 : 200;
      response.end(path);
    };
    if (path.startsWith('/hold')) held.set(path, answer);
    else answer();
  });
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  server = await startTestServer();
  stopWorker = await startWorkerOn(server.test.url, [{ origin, pathPrefix: '/' }]);
});
afterAll(async () => {
  await stopWorker();
  await server.close();
  site.closeAllConnections();
  site.close();
});
beforeEach(() => {
  asked.length = 0;
  broken.clear();
});

const trigger = { id: 'start', type: 'trigger.manual' };
const get = (id: string, path: string) => ({ id, type: 'http', config: { url: `${origin}${path}` } });
const transform = (id: string, expression: string) => ({ id, type: 'transform', config: { expression } });
const start = async (id: string): Promise<string> =>
  (await server.ask('POST', `/api/pipelines/${id}/runs`, { body: { source: 'published', input: {} } })).json.runId;
const eventsOf = async (run: string): Promise<readonly JournalEvent[]> =>
  (await server.ask('GET', `/api/runs/${run}/events?limit=5000`)).json.events;
const ended = (run: string) =>
  eventually('it ends', async () => {
    const { json } = await server.ask('GET', `/api/runs/${run}`);
    return json.run.endedAt === null ? null : json.run;
  });
const arrived = (path: string) => eventually(`a request for ${path}`, () => held.get(path) ?? null);
const kindsOf = (events: readonly JournalEvent[], stepKey: string) =>
  events.filter((event) => event.stepKey === stepKey).map((event) => event.kind);

describe('pause and resume', () => {
  it('R19: a paused run opens nothing; resumed it is the same run and does nothing again', async () => {
    const id = await server.publish(
      'pausable',
      draw({
        nodes: [
          trigger,
          get('first', '/hold/first'),
          get('left', '/left'),
          get('right', '/right'),
          transform('both', '"done"'),
        ],
        edges: ['start > first', 'first > left', 'first > right', 'left > both', 'right > both'],
      }),
    );
    const run = await start(id);
    const answer = await arrived('/hold/first');
    expect((await server.ask('POST', `/api/runs/${run}/pause`, { body: {} })).json).toEqual({ outcome: 'paused' });
    answer();
    await eventually('the held step ends', async () =>
      kindsOf(await eventsOf(run), 'first').includes('step.succeeded') ? true : null,
    );
    expect((await server.ask('GET', `/api/runs/${run}`)).json.run.state).toBe('paused');
    expect(await server.test.sql('select key from step where run_id = $1 and state <> $2', [run, 'succeeded'])).toEqual(
      [],
    );
    expect((await server.ask('POST', `/api/runs/${run}/resume`, { body: {} })).json).toEqual({ outcome: 'resumed' });
    expect((await server.ask('POST', `/api/runs/${run}/resume`, { body: {} })).json.outcome).not.toBe('resumed');
    expect((await ended(run)).state).toBe('succeeded');
    expect(asked.toSorted()).toEqual(['/hold/first', '/left', '/right']);
    const kinds = (await eventsOf(run)).map((event) => event.kind).filter((kind) => kind.startsWith('run.'));
    expect(kinds).toEqual(['run.started', 'run.paused', 'run.resumed', 'run.succeeded']);
  });

  it('a step that was due when the pause came is done after it', async () => {
    await stopWorker();
    const id = await server.publish('due', draw({ nodes: [trigger, get('one', '/one')], edges: ['start > one'] }));
    const run = await start(id);
    await server.ask('POST', `/api/runs/${run}/pause`, { body: {} });
    stopWorker = await startWorkerOn(server.test.url, [{ origin, pathPrefix: '/' }]);
    await eventually('the claim is refused', async () =>
      (await server.test.sql('select key from step where run_id = $1 and parked_at is not null', [run])).length === 1
        ? true
        : null,
    );
    expect(asked).toEqual([]);
    await server.ask('POST', `/api/runs/${run}/resume`, { body: {} });
    expect((await ended(run)).state).toBe('succeeded');
  });

  it('a loop begins no iteration while paused, and goes on with the next one', async () => {
    const id = await server.publish(
      'looping',
      draw({
        nodes: [
          trigger,
          { id: 'each', type: 'loop', config: { items: ['/hold-one', '/two', '/three'] } },
          { id: 'ask', type: 'http', config: { url: `${origin}{{ item }}` } },
          transform('after', 'steps.each.output.items.map(one, one.body)'),
        ],
        edges: ['start > each', 'each.item > ask', 'each.done > after'],
      }),
    );
    const run = await start(id);
    const answer = await arrived('/hold-one');
    await server.ask('POST', `/api/runs/${run}/pause`, { body: {} });
    answer();
    await eventually('the first iteration ends', async () =>
      (await eventsOf(run)).some((event) => event.kind === 'iteration.finished') ? true : null,
    );
    expect(asked).toEqual(['/hold-one']);
    await server.ask('POST', `/api/runs/${run}/resume`, { body: {} });
    expect((await ended(run)).state).toBe('succeeded');
    expect(asked).toEqual(['/hold-one', '/two', '/three']);
    expect((await eventsOf(run)).at(-1)).toMatchObject({
      data: { output: { inline: ['/hold-one', '/two', '/three'] } },
    });
  });

  it('reaches called runs, and a resume lets them go on', async () => {
    await server.publish(
      'inner',
      draw({
        nodes: [{ id: 'called', type: 'trigger.pipeline' }, get('a', '/hold/inner'), get('b', '/inner-b')],
        edges: ['called > a', 'a > b'],
      }),
    );
    const id = await server.publish(
      'outer',
      draw({
        nodes: [trigger, { id: 'call', type: 'pipeline', config: { pipeline: 'inner' } }],
        edges: ['start > call'],
      }),
    );
    const run = await start(id);
    const answer = await arrived('/hold/inner');
    const child = (await server.ask('GET', `/api/runs/${run}`)).json.waiting[0].child;
    await server.ask('POST', `/api/runs/${run}/pause`, { body: {} });
    expect((await server.ask('GET', `/api/runs/${child}`)).json.run.state).toBe('paused');
    answer();
    await eventually('the child’s step ends', async () =>
      kindsOf(await eventsOf(child), 'a').includes('step.succeeded') ? true : null,
    );
    expect(asked).toEqual(['/hold/inner']);
    await server.ask('POST', `/api/runs/${run}/resume`, { body: {} });
    expect((await ended(run)).state).toBe('succeeded');
    expect(asked).toEqual(['/hold/inner', '/inner-b']);
  });

  it('says 404 of runs that do not exist, and what it met of those that are over', async () => {
    const nobody = '00000000-0000-7000-8000-00000000ffff';
    for (const verb of ['pause', 'resume', 'retry'])
      expect((await server.ask('POST', `/api/runs/${nobody}/${verb}`, { body: {} })).status).toBe(404);
    const id = await server.publish('short', draw({ nodes: [trigger, transform('a', '1')], edges: ['start > a'] }));
    const run = await start(id);
    await ended(run);
    expect((await server.ask('POST', `/api/runs/${run}/pause`, { body: {} })).json).toEqual({ outcome: 'over' });
    expect((await server.ask('POST', `/api/runs/${run}/resume`, { body: {} })).json).toEqual({ outcome: 'over' });
  });
});

describe('retry', () => {
  const drawing = (wrong: string): PipelineDocument =>
    draw({
      nodes: [
        trigger,
        { id: 'big', type: 'code', config: { code: 'return "x".repeat(50000);' } },
        get('once', '/once'),
        get('wrong', wrong),
        transform('end', 'size(steps.big.output)'),
      ],
      edges: ['start > big', 'big > once', 'once > wrong', 'wrong > end'],
    });

  it('D6: after the pipeline was mended, a failed run goes on from its failed step with the drawing one chooses', async () => {
    broken.add('/broken');
    const id = await server.publish('mended', drawing('/broken'));
    const run = await start(id);
    expect((await ended(run)).state).toBe('failed');
    const before = await eventsOf(run);
    await server.ask('PUT', `/api/pipelines/${id}/draft`, {
      body: { document: drawing('/mended') },
      headers: { 'if-match': '"1"' },
    });

    const same = (await server.ask('POST', `/api/runs/${run}/retry`, { body: { revision: 'same' } })).json.runId;
    expect((await ended(same)).state).toBe('failed');
    const draft = (await server.ask('POST', `/api/runs/${run}/retry`, { body: { revision: 'draft' } })).json.runId;
    expect((await ended(draft)).state).toBe('succeeded');
    expect(asked).toEqual(['/once', '/broken', '/broken', '/mended']);

    const events = await eventsOf(draft);
    expect(events[0]).toMatchObject({ data: { retryOf: { run, from: ['wrong'] } } });
    expect(kindsOf(events, 'big')).toEqual(['step.succeeded']);
    expect(events.at(-1)).toMatchObject({ data: { output: { inline: 50_000 } } });
    expect(await eventsOf(run)).toEqual(before);
    const [blob] = await server.test.sql('select count(*)::int as n from blob_ref where run_id = $1', [draft]);
    expect(blob).toEqual({ n: 1 });
  });

  it('D6: begins from any step one names, with what follows it', async () => {
    const id = await server.publish('named', drawing('/fine'));
    const run = await start(id);
    await ended(run);
    const again = await server.ask('POST', `/api/runs/${run}/retry`, { body: { from: ['once'] } });
    expect(again.status).toBe(201);
    expect((await ended(again.json.runId)).state).toBe('succeeded');
    expect(asked).toEqual(['/once', '/fine', '/once', '/fine']);
    const unknown = await server.ask('POST', `/api/runs/${run}/retry`, { body: { from: ['nowhere'] } });
    expect([unknown.status, unknown.json.error.code]).toEqual([400, 'unknown_step']);
    const nothing = await server.ask('POST', `/api/runs/${run}/retry`, { body: {} });
    expect([nothing.status, nothing.json.error.code]).toEqual([409, 'nothing_failed']);
  });

  it('the same Idempotency-Key starts one run; a run that goes on is not retried', async () => {
    const id = await server.publish(
      'keyed',
      draw({ nodes: [trigger, get('one', '/hold/keyed')], edges: ['start > one'] }),
    );
    const run = await start(id);
    const answer = await arrived('/hold/keyed');
    const early = await server.ask('POST', `/api/runs/${run}/retry`, { body: { from: ['one'] } });
    expect([early.status, early.json.error.code]).toEqual([409, 'run_not_over']);
    answer();
    await ended(run);
    held.clear();
    const sent = { body: { from: ['one'] }, headers: { 'idempotency-key': 'again' } };
    const answers = await Promise.all([1, 2].map(() => server.ask('POST', `/api/runs/${run}/retry`, sent)));
    expect(new Set(answers.map(({ json }) => json.runId)).size).toBe(1);
    (await arrived('/hold/keyed'))();
    await ended(answers[0]?.json.runId);
  });
});

describe('error pipelines', () => {
  it('are started once for each failed run they watch, and never for their own', async () => {
    const watcher = (pipelines: readonly string[]) =>
      draw({
        nodes: [
          { id: 'alarm', type: 'trigger.error', config: { pipelines: [...pipelines] } },
          transform('fails', 'run.input.nothing.at.all'),
        ],
        edges: ['alarm > fails'],
      });
    const all = await server.publish('all alarms', watcher([]));
    const other = await server.publish('other alarms', watcher(['somebody-else']));
    const id = await server.publish(
      'fails',
      draw({ nodes: [trigger, transform('boom', 'run.input.no.such')], edges: ['start > boom'] }),
    );
    const run = await start(id);
    await ended(run);
    const listed = await eventually('the alarm is told', async () => {
      const { json } = await server.ask('GET', `/api/runs?pipeline=${all}`);
      return json.items.length > 0 && json.items[0].endedAt !== null ? json.items : null;
    });
    expect(listed).toHaveLength(1);
    expect(listed[0].trigger).toBe('error');
    const [first] = await eventsOf(listed[0].id);
    expect(first).toMatchObject({
      data: { input: { inline: { run, pipeline: 'fails', failure: { node: 'boom' }, trigger: 'manual' } } },
    });
    expect((await server.ask('GET', `/api/runs?pipeline=${other}`)).json.items).toEqual([]);
    await eventually('the alarm is put away', async () =>
      (await server.test.sql('select run_id from alarm')).length === 0 ? true : null,
    );
    expect((await server.ask('GET', `/api/runs?pipeline=${all}`)).json.items).toHaveLength(1);
  });
});

describe('a full line', () => {
  it('is told with 429 and Retry-After before anything is stored, for runs, hooks and retries', async () => {
    const document = draw({
      nodes: [
        trigger,
        { id: 'hook', type: 'trigger.webhook', config: { token: 'narrow-hook', mode: 'at_once' } },
        get('one', '/hold/full'),
      ],
      edges: ['start > one', 'hook > one'],
    });
    const settings = Settings.parse({ queueMax: 1 });
    const id = await server.publish('narrow', { ...document, settings });
    const run = await start(id);
    const answer = await arrived('/hold/full');
    const full = await server.ask('POST', `/api/pipelines/${id}/runs`, { body: { source: 'published', input: {} } });
    expect([full.status, full.json.error.code, full.headers['retry-after']]).toEqual([429, 'queue_full', '1']);
    expect((await server.ask('POST', '/hooks/narrow-hook', { body: {} })).status).toBe(429);
    expect(await server.test.sql('select id from run where pipeline_id = $1', [id])).toEqual([{ id: run }]);
    answer();
    await ended(run);
    held.clear();
    const again = await server.ask('POST', `/api/runs/${run}/retry`, { body: { from: ['one'] } });
    expect(again.status).toBe(201);
    expect((await server.ask('POST', `/api/runs/${run}/retry`, { body: { from: ['one'] } })).status).toBe(429);
    (await arrived('/hold/full'))();
    await ended(again.json.runId);
  });
});
