import { setTimeout as pause } from 'node:timers/promises';
import { type Ground, openGround } from '../crash/ground.ts';
import { SCRIPTS } from '../crash/scripts.ts';
import type { PartProcess } from '../harness/parts.ts';
import { until } from '../harness/product.ts';
import { print, spread } from './figure.ts';

/*
 * How long a run stands still when its worker is killed, or told to stop, while another worker lives: from the signal to
 * the run's next event, as the database dates it. And a run of 300 steps through rolling restarts.
 */

type Loss = 'SIGKILL' | 'SIGTERM';
const END_MS = 60_000;

/** Runs the bench; false when a run did not end well. `--quick`: 10 kills, 5 hand-overs and 3 restarts instead of 50, 20 and 10. */
export async function run(args: readonly string[]): Promise<boolean> {
  const quick = args.includes('--quick');
  const ground = await openGround();
  try {
    const kills = await lose(ground, 'SIGKILL', quick ? 10 : 50);
    const stops = await lose(ground, 'SIGTERM', quick ? 5 : 20);
    const restarts = quick ? 3 : 10;
    const survived = await roll(ground, restarts);
    figure('kill_to_next_event_ms_p95', kills);
    figure('sigterm_handover_ms_p95', stops);
    print({
      bench: 'recovery',
      metric: 'rolling_restarts_survived',
      value: survived ? restarts : 0,
      unit: 'restarts',
      n: 1,
    });
    return survived;
  } finally {
    await ground.close();
  }
}

const p95 = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.ceil(values.length * 0.95) - 1] ?? Number.NaN;

function figure(metric: string, values: readonly number[]): void {
  const limit = { name: 'goal', value: 2_000 };
  print({ bench: 'recovery', metric, value: p95(values), unit: 'ms', n: values.length, spread: spread(values), limit });
}

/** One long run after another; each time the worker that holds it is lost, and a new one takes the empty place. */
async function lose(ground: Ground, loss: Loss, times: number): Promise<number[]> {
  const waits: number[] = [];
  let workers = [await ground.parts.worker(), await ground.parts.worker()];
  let runId = '';
  while (waits.length < times) {
    if (runId === '' || (await holderOf(ground, runId)) === 'over')
      runId = (await ground.start(SCRIPTS.slow)).runId ?? '';
    await pause(50 + Math.random() * 400);
    const holder = await holderOf(ground, runId);
    const lost = workers.find((worker) => idOf(worker) === holder);
    if (lost === undefined) continue; // between two steps, or over
    const at = Date.now();
    lost.signal(loss);
    const next = await firstOf(ground, { runId, not: idOf(lost), after: at });
    if (next !== null) waits.push(next - at);
    await lost.exited;
    workers = [...workers.filter((worker) => worker !== lost), await ground.parts.worker()];
  }
  await Promise.all(workers.map((worker) => worker.terminate()));
  return waits;
}

const idOf = (worker: PartProcess): number => (JSON.parse(worker.said ?? '{}') as { worker: number }).worker;

async function holderOf({ parts }: Ground, runId: string): Promise<number | 'over' | null> {
  const [row] = await parts.sql<{ state: string; owner: number | null }>(
    `select r.state, (select owner from step s where s.run_id = r.id and owner is not null limit 1) as owner
       from run r where r.id = $1`,
    [runId],
  );
  return row?.state === 'succeeded' ? 'over' : (row?.owner ?? null);
}

/** When the first event of another worker stood in the journal; null: the run ended with the lost one. */
async function firstOf(
  ground: Ground,
  { runId, not, after }: { readonly runId: string; readonly not: number; readonly after: number },
): Promise<number | null> {
  return until(`the next event of ${runId}`, END_MS, async () => {
    const [row] = await ground.parts.sql<{ at: Date | null; over: boolean }>(
      `select (select min(at) from event where run_id = $1 and at > $3 and kind = 'step.started'
                  and (data->>'worker')::int <> $2) as at, (select ended_at is not null from run where id = $1) as over`,
      [runId, not, new Date(after)],
    );
    if (row?.at) return row.at.getTime();
    return row?.over ? null : undefined;
  });
}

/** A run of 300 steps while both workers are replaced in turn, in order. */
async function roll(ground: Ground, restarts: number): Promise<boolean> {
  let workers = [await ground.parts.worker(), await ground.parts.worker()];
  const run = await ground.start(SCRIPTS.slow);
  let during = 0;
  for (let i = 0; i < restarts; i++) {
    const [oldest, ...others] = workers;
    const fresh = await ground.parts.worker();
    await oldest?.terminate();
    workers = [...others, fresh];
    if ((await holderOf(ground, run.runId ?? '')) !== 'over') during += 1;
  }
  const over = await until('the end of the rolled run', END_MS, async () => {
    const [row] = await ground.parts.sql<{ state: string }>('select state from run where id = $1', [run.runId]);
    return row && ['succeeded', 'failed', 'cancelled'].includes(row.state) ? row.state : undefined;
  });
  const [steps] = await ground.parts.sql<{ done: number; crashes: number }>(
    `select count(*) filter (where kind = 'step.succeeded')::int as done,
            coalesce(max((data->>'crashes')::int) filter (where kind = 'step.started'), 0) as crashes from event where run_id = $1`,
    [run.runId],
  );
  await Promise.all(workers.map((worker) => worker.terminate()));
  process.stderr.write(`${JSON.stringify({ over, ...steps, during })}\n`);
  return over === 'succeeded' && steps?.done === 300 && steps.crashes === 0 && during === restarts;
}
