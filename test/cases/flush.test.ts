import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../harness/database.ts';
import { freePort } from '../harness/product.ts';
import { draw, openWorkshop, type Workshop } from '../harness/workshop.ts';

/* C16: everything in Redis is lost. It held only hints, so runs and schedules are what the database says. */

const hasRedis = spawnSync('redis-server', ['--version']).status === 0;
let redis: ChildProcess;
let port: number;
let shop: Workshop;
beforeAll(async () => {
  if (!hasRedis) return;
  port = await freePort(16_380);
  redis = spawn('redis-server', ['--port', String(port), '--save', '', '--appendonly', 'no'], { stdio: 'ignore' });
  await eventually('Redis', async () => ((await say('PING').catch(() => '')).includes('PONG') ? true : null));
  shop = await openWorkshop('postgres');
});
afterAll(async () => {
  await shop?.close();
  redis?.kill('SIGTERM');
});

/** One inline command. */
const say = (command: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`));
    socket.once('error', reject);
    socket.once('data', (bytes) => {
      socket.destroy();
      resolve(String(bytes));
    });
  });

const slow = draw({
  nodes: [
    { id: 'start', type: 'trigger.manual' },
    ...['a', 'b'].map((id) => ({
      id,
      type: 'code',
      config: { code: 'const end = Date.now() + 300; while (Date.now() < end); return 1;', input: {} },
    })),
  ],
  edges: ['start > a', 'a > b'],
});

it.skipIf(!hasRedis)(
  'C16: FLUSHALL with five queued runs loses none of them',
  async () => {
    await shop.worker({ redisUrl: `redis://127.0.0.1:${port}`, concurrency: 1, fastPath: false });
    const runs = await Promise.all(Array.from({ length: 5 }, () => shop.start(slow)));
    await eventually('jobs in Redis', async () => ((await say('DBSIZE')).trim() === ':0' ? null : true));
    expect(await say('FLUSHALL')).toContain('OK');
    for (const run of runs) expect((await shop.events(run)).at(-1)?.kind).toBe('run.succeeded');
    const started = await shop.test.sql<{ n: number }>(
      `select count(*)::int as n from event where kind = 'step.started'`,
    );
    expect(started[0]?.n).toBe(10);
  },
  60_000,
);
