import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../../../test/harness/database.ts';
import { startFaultProxy } from '../../../test/harness/fault-proxy.ts';
import { freePort } from '../../../test/harness/product.ts';
import { BACK_ENDS, draw, openWorkshop, REDIS_URL, type Workshop } from '../../../test/harness/workshop.ts';

/* The queue is a doorbell: with nobody to ring it, work goes on by the sweep. */

const start = { id: 'start', type: 'trigger.manual' };
const code = (id: string, body: string) => ({ id, type: 'code', config: { code: body } });
const DIAMOND = draw({
  nodes: [start, code('a', 'return 1;'), code('b', 'return 2;'), code('c', 'return 3;'), code('d', 'return 4;')],
  edges: ['start > a', 'a > b', 'a > c', 'b > d', 'c > d'],
});

let shop: Workshop;
beforeEach(async () => {
  shop = await openWorkshop('postgres');
});
afterEach(() => shop.close());

test('with a Redis that nobody answers at, sweepers claim due steps themselves', async () => {
  await shop.worker({ redisUrl: 'redis://127.0.0.1:1', fastPath: false });
  const events = await shop.events(await shop.start(DIAMOND));
  expect(events.at(-1)).toMatchObject({ kind: 'run.succeeded', data: { output: { inline: 4 } } });
  expect(events.filter((event) => event.kind === 'step.started')).toHaveLength(4);
  expect(shop.warnings.some((warning) => warning.startsWith('queue'))).toBe(true);
});

test('when all connections to the database are cut, workers come back and the run ends', async () => {
  const worker = await shop.worker({ fastPath: false });
  const ids = Array.from({ length: 20 }, (_, i) => `s${i}`);
  const line = draw({
    nodes: [start, ...ids.map((id) => code(id, 'return 1;'))],
    edges: ids.map((id, i) => `${i === 0 ? 'start' : `s${i - 1}`} > ${id}`),
  });
  const run = await shop.start(line);
  await eventually('five steps done', async () => {
    const done = (await shop.database.journal.events(run, { after: 0 })).filter(
      (event) => event.kind === 'step.succeeded',
    );
    return done.length >= 5 ? true : null;
  });
  await shop.test.sql(
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  );
  const events = await shop.events(run);
  expect(events.at(-1)?.kind).toBe('run.succeeded');
  expect(events.filter((event) => event.kind === 'step.succeeded').map((event) => event.stepKey)).toEqual(ids);
  expect(worker.busy()).toBe(0);
}, 60_000);

test.runIf(BACK_ENDS.includes('redis'))(
  'Q1: after a flap in which every byte to and from Redis vanished, the worker hears its queue again',
  async () => {
    const proxy = await startFaultProxy(REDIS_URL ?? '');
    const worker = await shop.worker({ redisUrl: proxy.url });
    await eventually('it hears', () => (worker.health().ready ? true : null));
    proxy.inject({ verb: 'drop' });
    await eventually('bytes vanished', () => (proxy.fired.drop >= 2 ? true : null));
    await eventually('it says that it is not ready', () => (worker.health().ready ? null : true), 30_000);
    proxy.heal();
    await eventually('it hears again', () => (worker.health().ready ? true : null), 30_000);
    const events = await shop.events(await shop.start(DIAMOND));
    expect(events.at(-1)?.kind).toBe('run.succeeded');
    await worker.stop();
    await proxy.close();
  },
  90_000,
);

/** A Redis of this test's own, that it may kill; null where there is no redis-server. */
const startRedis = async (port: number): Promise<ChildProcess | null> => {
  const child = spawn('redis-server', ['--port', String(port), '--save', '', '--appendonly', 'no'], { stdio: 'pipe' });
  const said = new Promise<ChildProcess>((resolve) =>
    child.stdout?.on('data', (bytes: Buffer) => bytes.includes('Ready to accept') && resolve(child)),
  );
  return Promise.race([said, once(child, 'error').then(() => null)]);
};

test('Q2: a Redis that was killed and came back empty brings jobs again', async ({ skip }) => {
  const port = await freePort(randomInt(20_000, 30_000));
  const first = await startRedis(port);
  if (first === null) return skip('no redis-server on this machine');
  const dispatch = await shop.dispatch(`redis://127.0.0.1:${port}`);
  const taken: string[] = [];
  const consumption = dispatch.consume(async (hint) => void taken.push(hint.stepKey), 1);
  const ring = (stepKey: string) =>
    dispatch.ring([{ runId: '00000000-0000-7000-8000-0000000000aa', stepKey, epoch: 0 }]);
  await ring('before');
  await eventually('a job', () => (taken.includes('before') ? true : null));
  first.kill('SIGKILL');
  await once(first, 'exit');
  await eventually('it is noticed', () => (shop.warnings.some((warning) => warning.startsWith('queue')) ? true : null));
  const second = await startRedis(port);
  await eventually('a job after its return', async () => {
    await ring('after');
    return taken.includes('after') ? true : null;
  });
  expect(consumption.hears()).toBe(true);
  await dispatch.close();
  second?.kill('SIGKILL');
}, 60_000);
