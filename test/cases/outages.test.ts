import { afterEach, beforeEach, expect, test } from 'vitest';
import { audit } from '../crash/audit.ts';
import { type Ground, openGround } from '../crash/ground.ts';
import { SCRIPTS } from '../crash/scripts.ts';
import type { PartProcess } from '../harness/parts.ts';
import { until } from '../harness/product.ts';

/*
 * Stores and workers that go away while runs are under way, and come back: nothing is lost, nothing is done twice, and
 * nobody has to restart anything.
 */

const END_MS = 90_000;
let ground: Ground;
let workers: PartProcess[];

beforeEach(async () => {
  ground = await openGround();
  workers = [];
}, 120_000);
afterEach(async () => {
  for (const worker of workers) worker.signal('SIGKILL');
  await ground.close();
}, 60_000);

const worker = async (): Promise<PartProcess> => {
  const started = await ground.parts.worker();
  workers.push(started);
  return started;
};
const owner = async (runId: string | null): Promise<number | null> => {
  const rows = await ground.parts.sql<{ owner: number }>(
    'select owner from step where run_id = $1 and owner is not null',
    [runId],
  );
  return rows[0]?.owner ?? null;
};

test('R10: Postgres is killed ten times under load; no run is lost, and no process is restarted by hand', async () => {
  const own = [await worker(), await worker()];
  const starting = Array.from({ length: 20 }, (_, i) => ground.start(i % 2 === 0 ? SCRIPTS.each : SCRIPTS.slow));
  for (let kill = 0; kill < 10; kill++) {
    ground.parts.postgres.kill();
    await ground.parts.postgres.restart();
    await until('some work between two kills', END_MS, async () =>
      (await ground.parts.sql('select from event limit 1').catch(() => [])).length > 0 ? true : undefined,
    );
  }
  await Promise.all(starting);
  const runs = await ground.settle();
  expect((await audit(ground, runs)).violations).toEqual([]);
  expect(own.filter((one) => !one.alive()).map((one) => one.story())).toEqual([]);
}, 240_000);

test('R8, abuse row 34: a worker that sleeps 12 s and wakes up finds its step taken, and its late result counts for nothing', async () => {
  const sleeper = await worker();
  const run = await ground.start(SCRIPTS.slow);
  await until('the run to be held', END_MS, async () => (await owner(run.runId)) ?? undefined);
  const before = await owner(run.runId);
  sleeper.signal('SIGSTOP');
  const other = await worker();
  await until('another worker to hold it', END_MS, async () => {
    const now = await owner(run.runId);
    return now !== null && now !== before ? true : undefined;
  });
  sleeper.signal('SIGCONT');
  const runs = await ground.settle();
  expect((await audit(ground, runs)).violations).toEqual([]);
  const started = await ground.parts.sql<{ crashes: number }>(
    `select max((data->>'crashes')::int) as crashes from event where run_id = $1 and kind = 'step.started'`,
    [run.runId],
  );
  expect(started[0]?.crashes).toBe(1);
  expect([sleeper.alive(), other.alive()]).toEqual([true, true]);
}, 240_000);
