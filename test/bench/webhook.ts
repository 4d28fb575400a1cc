import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Product, startProduct } from '../harness/product.ts';
import { draw } from '../harness/workshop.ts';
import { median, print, spread } from './figure.ts';
import { openClient } from './hooks/client.ts';
import { requestsThroughKills } from './hooks/kills.ts';

/*
 * Webhook → three journaled nodes → response through the product's own processes (server, worker, embedded Postgres), beside
 * Express with five and with one insert per request on the same Postgres, alternating. Then the same while Postgres is
 * killed: every 2xx has exactly one run.
 */

const TOKEN = 'bench-hook';
const PATH = `/hooks/${TOKEN}`;
/** What the three nodes make of `n`; the floor answers the same. */
const expected = (n: number): number => n * 2 + 3;

const PIPELINE = draw({
  nodes: [
    { id: 'hook', type: 'trigger.webhook', config: { token: TOKEN, mode: 'respond' } },
    { id: 'double', type: 'transform', config: { expression: 'run.input.body.n * 2' } },
    { id: 'add', type: 'transform', config: { expression: 'steps.double.output + 3' } },
    { id: 'wrap', type: 'transform', config: { expression: '{"n": steps.add.output}' } },
    { id: 'say', type: 'respond', config: { body: '{{ steps.wrap.output }}' } },
  ],
  edges: ['hook > double', 'double > add', 'add > wrap', 'wrap > say'],
});

/** One measured stretch of requests. */
type Round = { readonly perSecond: number; readonly ms: readonly number[]; readonly count: number };
type Target = { readonly port: number; readonly path: string };

/** Asks over so many connections for a while. Throws when an answer is wrong. */
async function load({ port, path }: Target, connections: number, seconds: number): Promise<Round> {
  const clients = await Promise.all(Array.from({ length: connections }, () => openClient(port)));
  const ms: number[] = [];
  const began = performance.now();
  const until = began + seconds * 1000;
  await Promise.all(
    clients.map(async (client, i) => {
      for (let n = i; performance.now() < until; n += connections) {
        const sent = performance.now();
        const { status, body } = await client.ask(path, `{"n":${n}}`);
        ms.push(performance.now() - sent);
        if (status !== 200 || JSON.parse(body).n !== expected(n)) throw new Error(`${path}: ${status} ${body}`);
      }
    }),
  );
  const perSecond = ms.length / ((performance.now() - began) / 1000);
  for (const client of clients) client.close();
  return { perSecond, ms: ms.sort((a, b) => a - b), count: ms.length };
}

const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

/** A floor process and the port it listens on. */
async function startFloor(
  url: string,
  inserts: number,
): Promise<{ readonly child: ChildProcess; readonly target: Target }> {
  const file = fileURLToPath(new URL('./hooks/floor.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', file, url, String(inserts)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout?.once('data', (chunk: Buffer) => resolve(Number(String(chunk).trim())));
    child.once('exit', (code) => reject(new Error(`the floor ended with ${code}`)));
  });
  return { child, target: { port, path: '/' } };
}

async function publish(product: Product): Promise<void> {
  const made = await product.api<{ id: string }>('POST', '/api/pipelines', { name: 'Bench', document: PIPELINE });
  await product.api('POST', `/api/pipelines/${made.id}/publish`, undefined, { 'if-match': '"1"' });
}

type Plan = { readonly rounds: number; readonly seconds: number; readonly requests: number; readonly kills: number };

/** Runs the bench; false when a request was lost or doubled. `--quick`: three short rounds and 2,000 requests with two kills. */
export async function run(args: readonly string[]): Promise<boolean> {
  const plan = args.includes('--quick')
    ? { rounds: 3, seconds: 1, requests: 2_000, kills: 2 }
    : { rounds: 5, seconds: 5, requests: 20_000, kills: 5 };
  const product = await startProduct({ embedded: true });
  try {
    await publish(product);
    const counted = args.includes('--kills-only') ? null : await timed(product, plan);
    const { lost, doubled, retried } = await requestsThroughKills(product, { path: PATH, expected, ...plan });
    process.stderr.write(`webhook: ${plan.requests} requests, ${plan.kills} kills, ${retried} sent again\n`);
    const figure = (metric: string, value: number) =>
      print({ bench: 'webhook', metric, value, unit: 'runs', n: plan.requests });
    figure('lost', lost);
    figure('doubled', doubled);
    return lost === 0 && doubled === 0 && counted !== false;
  } finally {
    await product.stop();
  }
}

/** The timed part; false when the journal does not have the runs that were answered. */
async function timed(product: Product, { rounds, seconds }: Plan): Promise<boolean> {
  const database = await product.database();
  const url = urlOf(database);
  const floors = [await startFloor(url, 5), await startFloor(url, 1)] as const;
  const ours: Target = { port: product.port, path: PATH };
  const measured = { ours: byConnections(), five: byConnections(), one: byConnections() };
  try {
    for (const target of [ours, ...floors.map((floor) => floor.target)]) await load(target, 10, 1); // warm
    const before = await runsOf(database);
    for (let round = 0; round < rounds; round++)
      for (const connections of CONNECTIONS) {
        measured.ours[connections].push(await load(ours, connections, seconds));
        measured.five[connections].push(await load(floors[0].target, connections, seconds));
        measured.one[connections].push(await load(floors[1].target, connections, seconds));
        process.stderr.write(
          `webhook: ${connections} connections: ${Math.round(measured.ours[connections].at(-1)?.perSecond ?? 0)}/s\n`,
        );
      }
    tell(measured);
    const answered = CONNECTIONS.flatMap((connections) => measured.ours[connections]).reduce(
      (sum, one) => sum + one.count,
      0,
    );
    return (await runsOf(database)) - before === answered;
  } finally {
    for (const { child } of floors) child.kill('SIGTERM');
    await database.end();
  }
}

const CONNECTIONS = [1, 10, 50] as const;
type Measured = Record<(typeof CONNECTIONS)[number], Round[]>;
const byConnections = (): Measured => ({ 1: [], 10: [], 50: [] });

type Client = Awaited<ReturnType<Product['database']>>;
const urlOf = ({ user, password, host, port, database }: Client): string =>
  `postgres://${user}:${encodeURIComponent(String(password ?? ''))}@${host}:${port}/${database}`;
const runsOf = async (database: Client): Promise<number> =>
  (await database.query('select count(*)::int as n from run')).rows[0].n;

function tell({ ours, five, one }: { readonly ours: Measured; readonly five: Measured; readonly one: Measured }): void {
  const rates = (rounds: readonly Round[]) => rounds.map(({ perSecond }) => perSecond);
  const times = (rounds: readonly Round[], share: number) => rounds.map(({ ms }) => at(ms, share));
  const figure = (metric: string, values: readonly number[], unit: string, floor?: number) => {
    const more = floor === undefined ? {} : { limit: { name: 'Express, 5 inserts', value: floor } };
    print({ bench: 'webhook', metric, value: median(values), unit, n: values.length, spread: spread(values), ...more });
  };
  for (const connections of CONNECTIONS)
    figure(`per_s_${connections}`, rates(ours[connections]), '1/s', median(rates(five[connections])));
  figure('p50_ms_1', times(ours[1], 0.5), 'ms', median(times(five[1], 0.5)));
  figure('p99_ms_50', times(ours[50], 0.99), 'ms', median(times(five[50], 0.99)));
  figure('floor_1_insert_per_s_50', rates(one[50]), '1/s');
  figure('share_of_floor_50', [median(rates(ours[50])) / median(rates(five[50]))], 'ratio');
}
