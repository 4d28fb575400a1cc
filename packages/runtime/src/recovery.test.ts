import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JournalEvent } from '@switchyard/pipeline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../../test/harness/database.ts';
import { startWorkerProcess } from '../../../test/harness/worker-process.ts';
import { BACK_ENDS, draw, openWorkshop, type Workshop } from '../../../test/harness/workshop.ts';

/*
 * What goes wrong while steps run: workers die, sites fail, people cancel. The site's answers hang until a test lets them go,
 * so that a step is surely under way when something happens to it.
 */

const start = { id: 'start', type: 'trigger.manual' };
const kindsOf = (events: readonly JournalEvent[], stepKey: string) =>
  events.filter((event) => event.stepKey === stepKey).map((event) => event.kind);
const has = (kind: string) => (events: readonly JournalEvent[]) => events.some((event) => event.kind === kind);

type Visit = {
  readonly request: IncomingMessage;
  readonly answer: (status?: number) => void;
  readonly gone: Promise<void>;
};

/** A site that answers when told to. */
const openSite = async () => {
  const visits: Visit[] = [];
  const arrived = (request: IncomingMessage, response: ServerResponse) =>
    visits.push({
      request,
      answer: (status = 200) =>
        void response.writeHead(status, { 'content-type': 'application/json' }).end('{"ok":true}'),
      gone: new Promise((resolve) => response.on('close', resolve)),
    });
  const server = createServer(arrived);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const visit = (path: string, nth = 1) =>
    eventually(`visit ${nth} of ${path}`, () => visits.filter((one) => one.request.url === path)[nth - 1] ?? null);
  return { origin, visit, visits, close: () => server.closeAllConnections() ?? server.close() };
};

describe.each(BACK_ENDS)('recovery with the queue on %s', (backEnd) => {
  let shop: Workshop;
  let site: Awaited<ReturnType<typeof openSite>>;

  beforeAll(async () => {
    shop = await openWorkshop(backEnd);
    site = await openSite();
  });
  afterAll(async () => {
    site.close();
    await shop.close();
  });

  const worker = () => shop.worker({ allow: [{ origin: site.origin, pathPrefix: '/' }] });
  const get = (path: string, rest: object = {}) => ({
    id: 'get',
    type: 'http',
    config: { url: `${site.origin}${path}` },
    ...rest,
  });
  const pipeline = (node: ReturnType<typeof get>) =>
    draw({
      nodes: [
        start,
        node as never,
        { id: 'after', type: 'transform', config: { expression: 'steps.get.output.status' } },
      ],
      edges: ['start > get', 'get > after'],
    });

  test('another worker takes over the step of one that was killed', async () => {
    const victim = await startWorkerProcess(shop, { allowOrigin: site.origin });
    const run = await shop.start(pipeline(get('/taken-over')));
    await site.visit('/taken-over');
    victim.kill();
    const second = await worker();
    (await site.visit('/taken-over', 2)).answer();
    const events = await shop.events(run);
    expect(events.at(-1)?.kind).toBe('run.succeeded');
    expect(kindsOf(events, 'get')).toEqual(['step.started', 'step.started', 'step.succeeded']);
    const again = events.filter((event) => event.kind === 'step.started' && event.stepKey === 'get')[1];
    expect(again?.data).toMatchObject({ attempt: 1, crashes: 1 });
    await second.stop();
  });

  test('a POST whose worker was killed is not sent again in silence', async () => {
    const victim = await startWorkerProcess(shop, { allowOrigin: site.origin });
    const run = await shop.start(
      pipeline(get('/order', { config: { url: `${site.origin}/order`, method: 'POST', body: { n: 1 } } })),
    );
    await site.visit('/order');
    victim.kill();
    const second = await worker();
    const events = await shop.events(run);
    expect(events.at(-1)).toMatchObject({
      kind: 'run.failed',
      data: { failure: { code: 'outcome_unknown', node: 'get' } },
    });
    expect(site.visits.filter((visit) => visit.request.url === '/order')).toHaveLength(1);
    await second.stop();
  });

  test('a failed step is tried again after its back-off', async () => {
    const first = await worker();
    const run = await shop.start(pipeline(get('/flaky', { retry: { attempts: 3, backoffSeconds: 0.1 } })));
    (await site.visit('/flaky')).answer(503);
    (await site.visit('/flaky', 2)).answer(503);
    (await site.visit('/flaky', 3)).answer();
    const events = await shop.events(run);
    expect(events.at(-1)?.kind).toBe('run.succeeded');
    expect(kindsOf(events, 'get')).toEqual([
      'step.started',
      'step.retrying',
      'step.started',
      'step.retrying',
      'step.started',
      'step.succeeded',
    ]);
    const backOffs = events.flatMap((event) => (event.kind === 'step.retrying' ? [event.data] : []));
    expect(backOffs.map((one) => [one.failure.code, one.attempt])).toEqual([
      ['http_status', 2],
      ['http_status', 3],
    ]);
    expect(backOffs[1]?.dueInMs).toBeGreaterThan(backOffs[0]?.dueInMs ?? Infinity);
    await first.stop();
  });

  test('a failure no policy names is final', async () => {
    const first = await worker();
    const run = await shop.start(pipeline(get('/denied', { retry: { attempts: 3, backoffSeconds: 0 } })));
    (await site.visit('/denied')).answer(403);
    expect((await shop.events(run)).at(-1)).toMatchObject({
      kind: 'run.failed',
      data: { failure: { code: 'http_status', details: { status: 403 } } },
    });
    await first.stop();
  });

  test('a step that is too long at work is cut, and its request closed', async () => {
    const first = await worker();
    const run = await shop.start(pipeline(get('/slow', { timeoutSeconds: 0.2 })));
    const visit = await site.visit('/slow');
    await visit.gone;
    expect((await shop.events(run)).at(-1)).toMatchObject({
      kind: 'run.failed',
      data: { failure: { code: 'timed_out', node: 'get' } },
    });
    await first.stop();
  });

  test('cancel cuts the step under way, closes its request, and ends the run', async () => {
    const first = await worker();
    const run = await shop.start(pipeline(get('/cancelled')));
    const visit = await site.visit('/cancelled');
    await shop.server.control.cancel({ runId: run, by: 'test' });
    await visit.gone;
    const events = await shop.events(run);
    expect(events.slice(-3).map((event) => event.kind)).toEqual([
      'run.cancel_requested',
      'step.cancelled',
      'run.cancelled',
    ]);
    await first.stop();
  });

  test('cancel with two steps under way ends the run once, with the last of them', async () => {
    const [one, two] = [await worker(), await worker()];
    const nodes = [start, get('/a'), { ...get('/b'), id: 'other' }, { ...get('/c'), id: 'third' }];
    const run = await shop.start(
      draw({ nodes: nodes as never, edges: ['start > get', 'start > other', 'start > third'] }),
    );
    await Promise.all([site.visit('/a'), site.visit('/b'), site.visit('/c')]);
    await shop.server.control.cancel({ runId: run, by: 'test' });
    const events = await shop.events(run);
    expect(events.filter((event) => event.kind === 'step.cancelled')).toHaveLength(3);
    expect(events.filter((event) => event.kind === 'run.cancelled')).toHaveLength(1);
    await Promise.all([one.stop(), two.stop()]);
  });

  test('a failure stops the steps under way on other branches', async () => {
    const first = await worker();
    const run = await shop.start(
      draw({
        nodes: [start, get('/bad'), { ...get('/endless'), id: 'other' }] as never,
        edges: ['start > get', 'start > other'],
      }),
    );
    const endless = await site.visit('/endless');
    (await site.visit('/bad')).answer(400);
    await endless.gone;
    const events = await shop.events(run);
    expect(kindsOf(events, 'other')).toEqual(['step.started', 'step.cancelled']);
    expect(events.at(-1)).toMatchObject({ kind: 'run.failed', data: { failure: { node: 'get' } } });
    await first.stop();
  });

  test('a worker that is told to stop ends its step, keeps no successor, and another goes on', async () => {
    const first = await worker();
    const nodes = [start, get('/last'), { id: 'next', type: 'code', config: { code: 'return 2;' } }];
    const run = await shop.start(draw({ nodes: nodes as never, edges: ['start > get', 'get > next'] }));
    const visit = await site.visit('/last');
    const stopping = first.stop();
    visit.answer();
    await stopping;
    const so_far = await shop.events(run, has('step.succeeded'));
    expect(so_far.at(-1)).toMatchObject({ kind: 'step.succeeded', stepKey: 'get' });
    const second = await worker();
    const events = await shop.events(run);
    expect(events.at(-1)?.kind).toBe('run.succeeded');
    expect(events.flatMap((event) => (event.kind === 'step.started' ? [event.data.crashes] : []))).toEqual([0, 0]);
    await second.stop();
  });

  test('SIGTERM ends a worker process in order', async () => {
    const child = await startWorkerProcess(shop, { allowOrigin: site.origin });
    expect(await child.terminate()).toBe(0);
    expect(await shop.test.sql('select id from worker where id = $1 and dead_at is null', [child.worker])).toEqual([]);
  });
});
