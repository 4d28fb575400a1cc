import { execFileSync } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JournalEvent, Json, PipelineDocument } from '@switchyard/pipeline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../../test/harness/database.ts';
import { startWorkerProcess } from '../../../test/harness/worker-process.ts';
import { BACK_ENDS, draw, openWorkshop, type Workshop } from '../../../test/harness/workshop.ts';

/* Reports that users filed against other engines, as situations of ours. The names are those of the list we keep of them. */

const start = { id: 'start', type: 'trigger.manual' };
const called = { id: 'called', type: 'trigger.pipeline' };
const code = (id: string, body: string, rest: object = {}) => ({ id, type: 'code', config: { code: body }, ...rest });
const transform = (id: string, expression: string) => ({ id, type: 'transform', config: { expression } });
const kindsOf = (events: readonly JournalEvent[], stepKey: string) =>
  events.filter((event) => event.stepKey === stepKey).map((event) => event.kind);
const outputOf = (events: readonly JournalEvent[]) => {
  const last = events.at(-1);
  return last?.kind === 'run.succeeded' && last.data.output && 'inline' in last.data.output
    ? last.data.output.inline
    : last;
};
const isWaiting = (events: readonly JournalEvent[]) => events.at(-1)?.kind === 'step.waiting';

/** A site whose answers under /hold wait until a test lets them go. */
const openSite = async () => {
  const visits: string[] = [];
  const held = new Map<string, { answer: () => void; gone: Promise<void> }>();
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const path = request.url ?? '';
    visits.push(path);
    const answer = () => void response.end(path);
    if (!path.startsWith('/hold')) return answer();
    held.set(path, { answer, gone: new Promise((resolve) => response.on('close', resolve)) });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    visits,
    inHand: (path: string) => eventually(`a request for ${path}`, () => held.get(path) ?? null),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
};

describe.each(BACK_ENDS)('reports with the queue on %s', (backEnd) => {
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

  const worker = (rest: object = {}) => shop.worker({ allow: [{ origin: site.origin, pathPrefix: '/' }], ...rest });
  const get = (id: string, path: string, rest: object = {}) => ({
    id,
    type: 'http',
    config: { url: `${site.origin}${path}` },
    ...rest,
  });
  const line = (nodes: readonly { readonly id: string }[]): PipelineDocument =>
    draw({
      nodes: [start, ...nodes] as Json[],
      edges: nodes.map(({ id }, i) => `${nodes[i - 1]?.id ?? 'start'} > ${id}`),
    });
  const publish = async (slug: string, document: PipelineDocument) => {
    const { pipelines } = shop.server.catalog;
    const made = await pipelines.create({ name: slug, slug, document });
    const answer = await pipelines.publish({ id: made.id, ifVersion: made.version });
    if (answer === null || 'conflict' in answer) throw new Error('not published');
    return answer.revision;
  };
  test('R1: what has ended stays as it ended when workers come and go', async () => {
    const first = await worker();
    const runs = await Promise.all(Array.from({ length: 5 }, () => shop.start(line([code('a', 'return 1;')]))));
    const before = await Promise.all(runs.map((run) => shop.events(run)));
    await first.stop();
    const second = await worker();
    await shop.events(await shop.start(line([code('a', 'return 1;')])));
    const after = await Promise.all(runs.map((run) => shop.database.journal.events(run, { after: 0 })));
    expect(after).toEqual(before);
    expect(after.every((events) => events.at(-1)?.kind === 'run.succeeded')).toBe(true);
    await second.stop();
  });

  test('R4: a waiting step that nobody here can read holds up no other', async () => {
    const bad = await shop.start(line([{ id: 'rest', type: 'wait', config: { seconds: 0.5 } } as never]));
    const one = await worker();
    await shop.events(bad, isWaiting);
    await one.stop();
    await shop.test.sql(
      `with r as (update run set seq = seq + 1, version = version + 1 where id = $1 returning seq)
       insert into event (run_id, seq, kind, data, at) select $1, seq, 'run.levitated', '{}', now() from r`,
      [bad],
    );
    const two = await worker();
    const good = await shop.events(
      await shop.start(line([{ id: 'rest', type: 'wait', config: { seconds: 0.2 } } as never])),
    );
    expect(good.at(-1)?.kind).toBe('run.succeeded');
    await eventually('it is told', () =>
      shop.warnings.some((warning) => warning.includes(bad) && warning.includes('newer worker')) ? true : null,
    );
    await two.stop();
  });

  test('R6: a worker told to stop at step 6 of 10 ends it, and the next goes on with step 7', async () => {
    const steps = Array.from({ length: 10 }, (_, i) => get(`s${i + 1}`, i === 5 ? '/hold/r6' : `/r6/${i + 1}`));
    const first = await startWorkerProcess(shop, { allowOrigin: site.origin });
    const run = await shop.start(line(steps));
    const sixth = await site.inHand('/hold/r6');
    const stopped = first.terminate();
    sixth.answer();
    expect(await stopped).toBe(0);
    const second = await worker();
    const events = await shop.events(run);
    expect(events.at(-1)?.kind).toBe('run.succeeded');
    const seen = site.visits.filter((path) => path.includes('r6'));
    expect(seen).toEqual([
      '/r6/1',
      '/r6/2',
      '/r6/3',
      '/r6/4',
      '/r6/5',
      '/hold/r6',
      '/r6/7',
      '/r6/8',
      '/r6/9',
      '/r6/10',
    ]);
    await second.stop();
  });

  test('R13: a process that dies of a step’s code is tried again where the policy says so, and the cause is told', async () => {
    const busy = 'const end = Date.now() + 1500; while (Date.now() < end); return "alive";';
    const policy = (on: readonly string[]) => ({ retry: { attempts: 2, backoffSeconds: 0, on }, timeoutSeconds: 30 });
    const one = await worker();
    const killed = async (on: readonly string[]) => {
      const run = await shop.start(line([code('burns', busy, policy(on))]));
      await shop.events(run, (events) => events.at(-1)?.kind === 'step.started');
      // the sandbox's own process, as an abort inside it would end it
      await eventually('its process dies', () => {
        const pids = execFileSync('pgrep', ['-P', String(process.pid), '-f', 'sandbox'])
          .toString()
          .trim()
          .split('\n');
        for (const pid of pids) process.kill(Number(pid), 'SIGKILL');
        return pids.length > 0 ? true : null;
      });
      return shop.events(run);
    };
    const again = await killed(['worker_lost']);
    expect(outputOf(again)).toBe('alive');
    expect(kindsOf(again, 'burns')).toEqual(['step.started', 'step.retrying', 'step.started', 'step.succeeded']);
    expect(again.find((event) => event.kind === 'step.retrying')?.data).toMatchObject({
      attempt: 2,
      failure: { code: 'sandbox_crashed' },
    });
    const once = await killed(['failed']);
    expect(once.at(-1)).toMatchObject({ kind: 'run.failed', data: { failure: { code: 'sandbox_crashed' } } });
    await one.stop();
  });

  test('R14: the worker dies at the second of three children: the first is not done again', async () => {
    await publish(
      `r14-${backEnd}`,
      draw({
        nodes: [called, { id: 'look', type: 'http', config: { url: `${site.origin}{{ run.input.path }}` } } as never],
        edges: ['called > look'],
      }),
    );
    const call = (id: string, path: string) => ({
      id,
      type: 'pipeline',
      config: { pipeline: `r14-${backEnd}`, input: { path } },
    });
    const victim = await startWorkerProcess(shop, { allowOrigin: site.origin });
    const run = await shop.start(line([call('one', '/r14/1'), call('two', '/hold/r14'), call('three', '/r14/3')]));
    await site.inHand('/hold/r14');
    victim.kill();
    const second = await worker();
    await eventually('the second is asked again', () =>
      site.visits.filter((path) => path === '/hold/r14').length === 2 ? true : null,
    );
    (await site.inHand('/hold/r14')).answer();
    const events = await shop.events(run);
    expect(events.at(-1)?.kind).toBe('run.succeeded');
    expect(site.visits.filter((path) => path === '/r14/1')).toHaveLength(1);
    expect(kindsOf(events, 'one')).toEqual(['step.started', 'step.waiting', 'step.started', 'step.succeeded']);
    await second.stop();
  });

  test('R15: a job that waits through many restarts is done once', async () => {
    const run = await shop.start(line([get('once', '/r15')]));
    const dispatch = await shop.dispatch();
    await dispatch.ring([{ runId: run, stepKey: 'once', epoch: 0 }]);
    for (let i = 0; i < 3; i++) {
      const session = await shop.database.registerWorker({ build: 'restarting' });
      await session.sweep();
      await session.close();
    }
    const workers = await Promise.all([worker(), worker(), worker()]);
    const events = await shop.events(run);
    expect(kindsOf(events, 'once')).toEqual(['step.started', 'step.succeeded']);
    expect(site.visits.filter((path) => path === '/r15')).toHaveLength(1);
    await Promise.all(workers.map((one) => one.stop()));
  });

  test('R18: killed between an effect and its record, an order is not sent twice in silence', async () => {
    const victim = await startWorkerProcess(shop, {
      allowOrigin: site.origin,
      crash: 'tool.after-effect:http#1',
    });
    const order = { id: 'order', type: 'http', config: { method: 'POST', url: `${site.origin}/r18`, body: { n: 1 } } };
    const run = await shop.start(line([order]));
    await eventually('the order arrived', () => (site.visits.includes('/r18') ? true : null));
    const second = await worker();
    const events = await shop.events(run);
    expect(events.at(-1)).toMatchObject({ kind: 'run.failed', data: { failure: { code: 'outcome_unknown' } } });
    expect(site.visits.filter((path) => path === '/r18')).toHaveLength(1);
    victim.kill();
    await second.stop();
  });

  test('Q3: two kills are crashes and no attempts; the limit of crashes takes the error path', async () => {
    const policy = { retry: { attempts: 10, backoffSeconds: 0 } };
    const run = await shop.start(line([get('slow', '/hold/q3', policy)]));
    for (let i = 1; i <= 2; i++) {
      const victim = await startWorkerProcess(shop, { allowOrigin: site.origin });
      await eventually(`visit ${i}`, () =>
        site.visits.filter((path) => path === '/hold/q3').length === i ? true : null,
      );
      victim.kill();
    }
    const last = await worker();
    await eventually('the third visit', () =>
      site.visits.filter((path) => path === '/hold/q3').length === 3 ? true : null,
    );
    (await site.inHand('/hold/q3')).answer();
    const events = await shop.events(run);
    expect(events.at(-1)?.kind).toBe('run.succeeded');
    expect(
      events.flatMap((event) => (event.kind === 'step.started' ? [[event.data.attempt, event.data.crashes]] : [])),
    ).toEqual([
      [1, 0],
      [1, 1],
      [1, 2],
    ]);
    await last.stop();

    const poison = await shop.start(
      draw({
        nodes: [
          start,
          { ...get('poison', '/q3'), onError: 'port' } as never,
          transform('told', 'steps.poison.error.code'),
        ],
        edges: ['start > poison', 'poison.error > told'],
      }),
    );
    await shop.test.sql(`update step set crashes = 11 where run_id = $1 and key = 'poison'`, [poison]);
    const healthy = await worker();
    expect(outputOf(await shop.events(poison))).toBe('worker_lost');
    expect(site.visits).not.toContain('/q3');
    await healthy.stop();
  });

  test('J6: waits on two branches pass side by side, and each goes on once', async () => {
    const one = await worker();
    const run = await shop.start(
      draw({
        nodes: [
          start,
          { id: 'left', type: 'wait', config: { seconds: 0.4 } },
          { id: 'right', type: 'wait', config: { seconds: 0.4 } },
          transform('both', '"met"'),
        ],
        edges: ['start > left', 'start > right', 'left > both', 'right > both'],
      }),
    );
    const events = await shop.events(run);
    expect(outputOf(events)).toBe('met');
    for (const key of ['left', 'right'])
      expect(kindsOf(events, key)).toEqual(['step.started', 'step.waiting', 'step.started', 'step.succeeded']);
    const last = (kind: string) => events.findLastIndex((event) => event.kind === kind);
    const resumed = events.findIndex((event) => event.kind === 'step.started' && event.data.after === 'wait');
    expect(last('step.waiting')).toBeLessThan(resumed);
    await one.stop();
  });

  test('K4: cancelling a blocked step closes its socket, and its slot goes to the next', async () => {
    const one = await worker();
    const limit = { key: `k4-${backEnd}`, max: 1 };
    const blocked = await shop.start(line([get('work', `/hold/k4-${backEnd}`, { limit })]));
    const inHand = await site.inHand(`/hold/k4-${backEnd}`);
    const next = await shop.start(line([get('work', '/k4-next', { limit })]));
    await eventually('the next one is parked', async () =>
      (await shop.test.sql('select key from step where run_id = $1 and parked_at is not null', [next])).length === 1
        ? true
        : null,
    );
    expect(site.visits).not.toContain('/k4-next');
    await shop.server.control.cancel({ runId: blocked, by: 'test' });
    await inHand.gone;
    expect((await shop.events(next)).at(-1)?.kind).toBe('run.succeeded');
    await one.stop();
  });

  test('K5: after a parent over a thousand items was cancelled, no child begins and none lives', async () => {
    await publish(
      `k5-${backEnd}`,
      draw({ nodes: [called, { id: 'rest', type: 'wait', config: { seconds: 0.05 } }], edges: ['called > rest'] }),
    );
    const one = await worker();
    const run = await shop.start(
      draw({
        nodes: [
          start,
          { id: 'each', type: 'loop', config: { items: '{{ run.input.items }}', concurrency: 3 } },
          { id: 'call', type: 'pipeline', config: { pipeline: `k5-${backEnd}` } },
        ],
        edges: ['start > each', 'each.item > call'],
      }),
      { items: Array.from({ length: 1_000 }, (_, i) => i) },
    );
    const children = async (): Promise<readonly { state: string }[]> =>
      shop.test.sql<{ state: string }>('select state from run where parent_run = $1', [run]);
    await eventually('ten children', async () => ((await children()).length >= 10 ? true : null));
    await shop.server.control.cancel({ runId: run, by: 'test' });
    const atCancel = (await children()).length;
    expect((await shop.events(run)).at(-1)?.kind).toBe('run.cancelled');
    await eventually('no child lives', async () =>
      (await children()).every(({ state }) => state === 'succeeded' || state === 'cancelled') ? true : null,
    );
    // what would begin another child is work of this worker: when it has stopped, all of it is done
    await one.stop();
    expect((await children()).length).toBe(atCancel);
    expect(atCancel).toBeLessThan(100);
  });

  test('R22: a run of 60,000 events goes on as any other', async () => {
    const first = await worker();
    const run = await shop.start(
      draw({
        nodes: [start, { id: 'ask', type: 'approval', config: { subject: 'go on?' } }, transform('end', '"ended"')],
        edges: ['start > ask', 'ask.approved > end'],
      }),
    );
    await shop.events(run, isWaiting);
    await shop.test.sql(
      `insert into event (run_id, seq, kind, step_key, data, at)
         select r.id, r.seq + i, 'note', 'ask', '{"text":"one of many"}', now() from run r, generate_series(1, 60000) i where r.id = $1`,
      [run],
    );
    await shop.test.sql('update run set seq = seq + 60000 where id = $1', [run]);
    await first.stop();
    const second = await worker();
    const rows = await shop.server.control.rows(run);
    const epoch = rows?.steps.find((step) => step.stepKey === 'ask')?.epoch ?? -1;
    const event = { kind: 'approval.decided', data: { approved: true, by: 'ada' } } as const;
    expect(await shop.server.control.wake({ runId: run, stepKey: 'ask', epoch, event })).toBe('woken');
    const events = await shop.events(run);
    expect(outputOf(events)).toBe('ended');
    expect(events.length).toBeGreaterThan(60_000);
    expect(events.every((one, i) => one.seq === i + 1)).toBe(true);
    await second.stop();
  }, 60_000);

  test('Q5: ears that are cut grow back, and no connection is left behind', async () => {
    const one = await worker();
    const count = async () =>
      Number(
        (
          await shop.test.sql<{ n: string }>(
            'select count(*) as n from pg_stat_activity where datname = current_database()',
          )
        )[0]?.n,
      );
    await shop.events(await shop.start(line([code('a', 'return 1;')])));
    const before = await count();
    for (let i = 0; i < 5; i++) {
      await shop.test.sql(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and query ilike 'listen%'`,
      );
      const events = await shop.events(await shop.start(line([code('a', 'return 1;')])));
      expect(events.at(-1)?.kind).toBe('run.succeeded');
    }
    await eventually('as many connections as before', async () => ((await count()) <= before + 1 ? true : null));
    await one.stop();
  });
});
