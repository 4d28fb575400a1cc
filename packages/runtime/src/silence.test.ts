import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '@switchyard/agent';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../../../test/harness/database.ts';
import { draw, openWorkshop, type Workshop } from '../../../test/harness/workshop.ts';
import { systemClock } from './system.ts';

/* Workers that cannot hear the journal, or are taken for dead while they live. */

/** Twenty times as fast, so that eight seconds of silence are not waited for. */
const fast: Clock = {
  now: () => systemClock.now(),
  elapsed: () => systemClock.elapsed() * 20,
  sleep: (ms, signal) => systemClock.sleep(ms / 20, signal),
};

let shop: Workshop;
let site: Server;
let visits: { answer: () => void; gone: Promise<void> }[];
beforeEach(async () => {
  shop = await openWorkshop('postgres');
  visits = [];
  site = createServer((_request, response) => {
    visits.push({ answer: () => response.end('ok'), gone: new Promise((resolve) => response.on('close', resolve)) });
  });
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  site.closeAllConnections();
  site.close();
  await shop.close();
});

const origin = () => `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
const pipeline = () =>
  draw({
    nodes: [
      { id: 'start', type: 'trigger.manual' },
      { id: 'get', type: 'http', config: { url: `${origin()}/` } },
    ],
    edges: ['start > get'],
  });
const visit = (n: number) => eventually(`visit ${n}`, () => visits[n - 1] ?? null);

test('without an answer to its pulses a worker cuts its effects and writes nothing', async () => {
  let silent = false;
  await shop.worker({
    clock: fast,
    allow: [{ origin: origin(), pathPrefix: '/' }],
    between: (session) => ({
      ...session,
      pulse: () => (silent ? new Promise(() => {}) : session.pulse()),
      sweep: async () => [],
    }),
  });
  const run = await shop.start(pipeline());
  const first = await visit(1);
  silent = true;
  await first.gone;
  expect(shop.warnings).toContain('the journal has not answered for 8 s; what runs is dropped');
  const events = await shop.database.journal.events(run, { after: 0 });
  expect(events.map((event) => event.kind)).toEqual(['run.started', 'step.started']);
});

test('a worker that was declared dead drops its step, registers anew and goes on', async () => {
  const worker = await shop.worker({ allow: [{ origin: origin(), pathPrefix: '/' }] });
  const before = worker.id();
  const run = await shop.start(pipeline());
  const first = await visit(1);
  await shop.test.sql('update worker set dead_at = clock_timestamp() where id = $1', [before]);
  await first.gone;
  (await visit(2)).answer();
  const events = await shop.events(run);
  expect(events.at(-1)?.kind).toBe('run.succeeded');
  expect(worker.id()).not.toBe(before);
  const starts = events.flatMap((event) => (event.kind === 'step.started' ? [event.data] : []));
  expect(starts).toMatchObject([
    { worker: before, crashes: 0 },
    { worker: worker.id(), crashes: 1 },
  ]);
});
