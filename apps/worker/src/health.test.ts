import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openMetrics } from '@switchyard/journal';
import type { WorkerHealth } from '@switchyard/runtime';
import { expect, test } from 'vitest';
import { answerHealth } from './health.ts';

test('ready and live answer by themselves, each with the reasons', async () => {
  let now: WorkerHealth = { ready: true, live: true, hearsQueue: true, journalSilentSeconds: 0 };
  const server = createServer(answerHealth(() => now));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const ask = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`);
    return [answer.status, await answer.json()];
  };
  expect(await ask('/ready')).toEqual([200, now]);
  now = { ready: false, live: true, hearsQueue: false, journalSilentSeconds: 3 };
  expect(await ask('/ready')).toEqual([503, now]);
  expect(await ask('/live')).toEqual([200, now]);
  now = { ready: false, live: false, hearsQueue: false, journalSilentSeconds: 61 };
  expect((await ask('/live'))[0]).toBe(503);
  expect((await ask('/'))[0]).toBe(404);
  server.close();
});

test('metrics are told only where they are on', async () => {
  const health = (): WorkerHealth => ({ ready: true, live: true, hearsQueue: true, journalSilentSeconds: 0 });
  for (const [metrics, status] of [[null, 404] as const, [openMetrics(), 200] as const]) {
    const server = createServer(answerHealth(health, metrics));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    expect((await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`)).status).toBe(status);
    server.close();
  }
});
