import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { JournalEvent, PipelineDocument } from '@switchyard/pipeline';
import type pg from 'pg';
import { freePort, type Product, startProduct, until } from '../harness/product.ts';
import { draw } from '../harness/workshop.ts';
import { median, print, spread } from './figure.ts';
import { type Peer, startPeer } from './peers.ts';

/*
 * What a durable step costs. The step is a Wait of 0 seconds: no pure node, so a worker holds it, and its start and its end are
 * journaled and committed before the next one begins; it does nothing else, as the peer's step does nothing else. Times are
 * those of the journal, from `run.started` to the run's end. Ours, the peer and the one-row commit alternate on one Postgres.
 */

const STEPS = 300;
const RUNS = 10;
const MANY = 50;
const ITEMS = 10_000;

type Rounds = { readonly rounds: number; readonly items: number };

/** Runs the bench; false when a run did not do its work. `--quick`: fewer rounds and a shorter loop. */
export async function run(args: readonly string[]): Promise<boolean> {
  const quick = args.includes('--quick');
  const size: Rounds = { rounds: quick ? 3 : 5, items: quick ? 2_000 : ITEMS };
  await onPostgres(size);
  await onRedis(size);
  return true;
}

async function onPostgres({ rounds, items }: Rounds): Promise<void> {
  const product = await startProduct({ embedded: true });
  const database = await product.database();
  try {
    await database.query('create database dbos');
    const url = new URL(readFileSync(`${product.dataDirectory}/postgres/url`, 'utf8').trim());
    url.pathname = '/dbos';
    const dbos = await startPeer<{ version: string }>('dbos', [url.href]);
    try {
      await besideDbos({ product, database, dbos, version: dbos.hello.version }, rounds);
    } finally {
      dbos.stop();
    }
    await longLoop(product, items);
  } finally {
    await database.end();
    await product.stop();
  }
}

type Beside = {
  readonly product: Product;
  readonly database: pg.Client;
  readonly dbos: Peer;
  readonly version: string;
};

async function besideDbos({ product, database, dbos, version }: Beside, rounds: number): Promise<void> {
  const pipeline = await publish(product, chain(STEPS));
  const single: number[] = [];
  const commit: number[] = [];
  const tens: number[] = [];
  const fifties: number[] = [];
  const peerTens: number[] = [];
  const peerSingle: number[] = [];
  const firsts: number[] = [];
  const lasts: number[] = [];
  await runOnce(product, pipeline, 1);
  await dbosRate(dbos, 1);
  for (let round = 1; round <= rounds; round++) {
    const [one] = await runOnce(product, pipeline, 1);
    if (one === undefined) throw new Error('no run');
    single.push(one.ms / STEPS);
    firsts.push(one.gaps(0, 30));
    lasts.push(one.gaps(STEPS - 30, STEPS));
    commit.push(await oneRowCommit(database));
    peerSingle.push(1_000 / (await dbosRate(dbos, 1)));
    tens.push(rate(await runOnce(product, pipeline, RUNS)));
    peerTens.push(await dbosRate(dbos, RUNS));
    fifties.push(rate(await runOnce(product, pipeline, MANY)));
    process.stderr.write(
      `round ${round}: ${single.at(-1)?.toFixed(3)} ms a step, ${tens.at(-1)?.toFixed(0)} steps/s\n`,
    );
  }
  const limit = { name: 'one-row commit', value: median(commit) };
  figure('ms_per_step_300', 'ms', single, { limit, peer: { name: `DBOS ${version}`, value: median(peerSingle) } });
  figure('ms_per_step_pg', 'ms', single, { limit });
  figure('steps_per_s_10_runs', '1/s', tens, { peer: { name: `DBOS ${version}`, value: median(peerTens) } });
  figure('steps_per_s_50_runs', '1/s', fifties);
  figure(
    'flatness_300',
    'ratio',
    lasts.map((last, i) => last / (firsts[i] ?? 1)),
  );
}

async function onRedis({ rounds }: Rounds): Promise<void> {
  const port = await freePort();
  const redis = spawn('redis-server', [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
  ]);
  const product = await startProduct({ embedded: true, env: { REDIS_URL: `redis://127.0.0.1:${port}` } });
  try {
    const pipeline = await publish(product, chain(STEPS));
    await runOnce(product, pipeline, 1);
    const single: number[] = [];
    const tens: number[] = [];
    for (let round = 1; round <= rounds; round++) {
      for (const { ms } of await runOnce(product, pipeline, 1)) single.push(ms / STEPS);
      tens.push(rate(await runOnce(product, pipeline, RUNS)));
    }
    figure('ms_per_step_redis', 'ms', single);
    figure('steps_per_s_10_runs_redis', '1/s', tens);
  } finally {
    await product.stop();
    redis.kill();
  }
}

/** One run over many items: what an iteration costs at its end and near its beginning, and what the worker keeps of it. */
async function longLoop(product: Product, items: number): Promise<void> {
  const loop = { id: 'each', type: 'loop', config: { items: '{{ run.input.items }}' } };
  const document = draw({
    nodes: [
      { id: 'start', type: 'trigger.manual' },
      loop,
      { ...step('work'), config: { mode: 'duration', seconds: 0 } },
    ],
    edges: ['start > each', 'each.item > work'],
  });
  const pipeline = await publish(product, document);
  await runToEnd(product, pipeline, { items: Array.from({ length: 500 }, (_, i) => i) });
  const before = rssOf(product);
  const events = await runToEnd(product, pipeline, { items: Array.from({ length: items }, (_, i) => i) });
  const after = rssOf(product);
  const ends = events.filter((event) => event.kind === 'iteration.finished').map((event) => Date.parse(event.at));
  if (ends.length !== items) throw new Error(`${ends.length} of ${items} iterations ended`);
  const cost = (from: number, to: number): number => ((ends[to] ?? 0) - (ends[from] ?? 0)) / (to - from);
  figure('loop_10k_rss_mb', 'MB', [after - before]);
  figure('loop_last_over_100', 'ratio', [cost(items - 501, items - 1) / cost(100, 600)]);
}

const rssOf = (product: Product): number => {
  const status = readFileSync(`/proc/${product.pids('worker')[0]}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
};

const step = (id: string) => ({ id, type: 'wait', config: { mode: 'duration', seconds: 0 } });

function chain(steps: number): PipelineDocument {
  const ids = Array.from({ length: steps }, (_, i) => `s${i}`);
  return draw({
    nodes: [{ id: 'start', type: 'trigger.manual' }, ...ids.map(step)],
    edges: ids.map((id, i) => `${i === 0 ? 'start' : ids[i - 1]} > ${id}`),
  });
}

async function publish(product: Product, document: PipelineDocument): Promise<string> {
  const { id } = await product.api<{ id: string }>('POST', '/api/pipelines', { name: 'bench', document });
  await product.api('POST', `/api/pipelines/${id}/publish`, {}, { 'if-match': '"1"' });
  return id;
}

type Timed = {
  readonly ms: number;
  readonly began: number;
  readonly ended: number;
  gaps(from: number, to: number): number;
};

/** Starts so many runs at once and reads their journals when they have ended. */
async function runOnce(product: Product, pipeline: string, runs: number): Promise<readonly Timed[]> {
  const journals = await Promise.all(Array.from({ length: runs }, () => runToEnd(product, pipeline, {})));
  return journals.map(timed);
}

function timed(events: readonly JournalEvent[]): Timed {
  const ends = events.filter((event) => event.kind === 'step.succeeded').map((event) => Date.parse(event.at));
  const [began, ended] = [Date.parse(events[0]?.at ?? ''), Date.parse(events.at(-1)?.at ?? '')];
  if (events.at(-1)?.kind !== 'run.succeeded' || ends.length !== STEPS) throw new Error('a run did not do its work');
  const gaps = (from: number, to: number): number => ((ends[to - 1] ?? 0) - (ends[from] ?? 0)) / (to - 1 - from);
  return { ms: ended - began, began, ended, gaps };
}

async function runToEnd(product: Product, pipeline: string, input: unknown): Promise<readonly JournalEvent[]> {
  const { runId } = await product.api<{ runId: string }>('POST', `/api/pipelines/${pipeline}/runs`, {
    source: 'published',
    input,
  });
  await until('the run', 300_000, async () => {
    const { run: row } = await product.api<{ run: { endedAt: string | null } }>('GET', `/api/runs/${runId}`);
    if (row.endedAt !== null) return true;
    await new Promise((resolve) => setTimeout(resolve, 200));
    return undefined;
  });
  const events: JournalEvent[] = [];
  for (let after: number | null = 0; after !== null; ) {
    const page: { events: JournalEvent[]; next: number | null } = await product.api(
      'GET',
      `/api/runs/${runId}/events?after=${after}&limit=5000`,
    );
    events.push(...page.events);
    after = page.next;
  }
  return events;
}

/** Steps a second of runs that overlapped, from the first start to the last end. */
const rate = (runs: readonly Timed[]): number =>
  (runs.length * STEPS * 1_000) /
  (Math.max(...runs.map(({ ended }) => ended)) - Math.min(...runs.map(({ began }) => began)));

async function dbosRate(dbos: Peer, runs: number): Promise<number> {
  const { ms, done } = await dbos.ask<{ ms: number; done: number[] }>(`${runs} ${STEPS}`);
  if (done.length !== runs || done.some((count) => count !== STEPS)) throw new Error('DBOS did not do its work');
  return (runs * STEPS * 1_000) / ms;
}

/** Milliseconds of one committed insert on one connection. */
async function oneRowCommit(database: pg.Client): Promise<number> {
  await database.query('create table if not exists bench_row (id serial primary key, data json)');
  const insert = { name: 'bench_row', text: 'insert into bench_row (data) values ($1)', values: ['{"step": 1}'] };
  const began = performance.now();
  for (let i = 0; i < STEPS; i++) await database.query(insert);
  return (performance.now() - began) / STEPS;
}

type Comparison = Pick<Parameters<typeof print>[0], 'peer' | 'limit'>;

const figure = (metric: string, unit: string, values: readonly number[], beside: Comparison = {}): void =>
  print({ bench: 'steps', metric, value: median(values), unit, n: values.length, spread: spread(values), ...beside });
