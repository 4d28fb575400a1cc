import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, type Product, startProduct, until } from '../harness/product.ts';
import { draw } from '../harness/workshop.ts';
import { print } from './figure.ts';

/*
 * 200 schedules that fire each second, three servers whose clocks are minutes apart, and one of the servers killed every few
 * seconds. Only the database's clock may decide: each second of each schedule is one run.
 */

const PIPELINES = 20;
const SCHEDULES_EACH = 10;
const KILL_EVERY_MS = 7_000;
/** Clocks of the two servers beside the product's own, in ms from the machine's. */
const SKEWS = [7 * 60_000, -7 * 60_000] as const;

const SERVER = fileURLToPath(new URL('../../apps/server/dist/main.js', import.meta.url));

/** Shifts the wall clock of a process before anything of it is loaded. */
const skewing = (ms: number): string =>
  `data:text/javascript,${encodeURIComponent(
    `const D=Date;globalThis.Date=class extends D{constructor(...a){super(...(a.length?a:[D.now()+${ms}]))}static now(){return D.now()+${ms}}}`,
  )}`;

type Servers = { readonly kill: (which: number) => Promise<void>; readonly stop: () => Promise<void> };

/** The two skewed servers; one that is killed is started again. */
async function startServers(product: Product): Promise<Servers> {
  const url = readFileSync(join(product.dataDirectory, 'postgres/url'), 'utf8').trim();
  const start = async (ms: number): Promise<ChildProcess> => {
    const child = spawn(process.execPath, ['--import', skewing(ms), SERVER], {
      env: {
        PATH: process.env.PATH ?? '',
        DATABASE_URL: url,
        SWITCHYARD_PORT: String(await freePort()),
        SWITCHYARD_DATA: product.dataDirectory,
        NODE_ENV: 'production',
      },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    return child;
  };
  const running = await Promise.all(SKEWS.map(start));
  const ended = (child: ChildProcess) => new Promise((resolve) => child.once('exit', resolve));
  return {
    kill: async (which) => {
      const child = running[which];
      child?.kill('SIGKILL');
      running[which] = await start(SKEWS[which] ?? 0);
    },
    stop: async () => {
      const ends = running.map(ended);
      for (const child of running) child.kill('SIGTERM');
      await Promise.all(ends);
    },
  };
}

const DOCUMENT = draw({
  nodes: [
    ...Array.from({ length: SCHEDULES_EACH }, (_, i) => ({
      id: `clock${i}`,
      type: 'trigger.schedule',
      config: { cron: '* * * * * *', timezone: 'UTC', missed: 'all' },
    })),
    { id: 'act', type: 'transform', config: { expression: 'run.input.scheduledFor' } },
  ],
  edges: Array.from({ length: SCHEDULES_EACH }, (_, i) => `clock${i} > act`),
});

async function publish(product: Product): Promise<void> {
  for (let i = 0; i < PIPELINES; i++) {
    const made = await product.api<{ id: string }>('POST', '/api/pipelines', {
      name: `Clock ${i}`,
      document: DOCUMENT,
    });
    await product.api('POST', `/api/pipelines/${made.id}/publish`, undefined, { 'if-match': '"1"' });
  }
}

type Sql = Awaited<ReturnType<Product['database']>>;

/** Runs the bench; false when a time was left out or fired twice. `--quick`: 20 seconds instead of 60. */
export async function run(args: readonly string[]): Promise<boolean> {
  const seconds = args.includes('--quick') ? 20 : 60;
  const product = await startProduct({ embedded: true });
  const database = await product.database();
  const servers = await startServers(product);
  try {
    await publish(product);
    const planned = async () =>
      (await database.query('select count(*)::int as n from schedule where next_fire is not null')).rows[0].n;
    await until('all schedules planned', 30_000, async () =>
      (await planned()) === PIPELINES * SCHEDULES_EACH ? true : undefined,
    );
    const { rows } = await database.query(
      `select date_trunc('second', clock_timestamp()) + interval '2 s' as from, date_trunc('second', clock_timestamp()) + $1 * interval '1 s' as to`,
      [seconds + 2],
    );
    const span = { from: rows[0].from as Date, to: rows[0].to as Date };
    const kills = await killUntil(span.to, { product, servers, database });
    await until('the last times', 90_000, async () => ((await behind(database, span.to)) === 0 ? true : undefined));
    const foreign = await skewed(database);
    process.stderr.write(`cron: ${foreign} runs began at servers whose clocks are minutes off\n`);
    if (foreign === 0) throw new Error('no run began at a server with a skewed clock: nothing was tested');
    return report(await counted(database, span), { expected: PIPELINES * SCHEDULES_EACH * seconds, kills });
  } finally {
    await servers.stop();
    await database.end();
    await product.stop();
  }
}

type Field = { readonly product: Product; readonly servers: Servers; readonly database: Sql };

/** Kills one server after the other until the database's clock says it is time; how many. */
async function killUntil(end: Date, { product, servers, database }: Field): Promise<number> {
  for (let kills = 0; ; ) {
    const { rows } = await database.query(
      'select extract(epoch from $1::timestamptz - clock_timestamp())::float8 as left',
      [end],
    );
    const left = rows[0].left * 1000;
    if (left <= 0) return kills;
    await new Promise((resolve) => setTimeout(resolve, Math.min(left, KILL_EVERY_MS)));
    if (left < KILL_EVERY_MS) continue;
    const which = kills % 3;
    process.stderr.write(`cron: server ${which + 1} of 3 is killed\n`);
    if (which === 2) product.kill('server');
    else await servers.kill(which);
    kills += 1;
  }
}

/** Runs whose id, which the server's clock dates, is minutes off the database's time: those of the skewed servers. */
const skewed = async (database: Sql): Promise<number> =>
  (
    await database.query(
      `select count(*)::int as n from run
        where abs(extract(epoch from created_at) * 1000 - ('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint) > 300000`,
    )
  ).rows[0].n;

const behind = async (database: Sql, end: Date): Promise<number> =>
  (await database.query('select count(*)::int as n from schedule where next_fire < $1', [end])).rows[0].n;

type Counted = { readonly ticks: number; readonly times: number; readonly double: number };

/** What the tables say: times that have a run, and runs beyond one for each time. */
async function counted(database: Sql, { from, to }: { readonly from: Date; readonly to: Date }): Promise<Counted> {
  const { rows } = await database.query<Counted>(
    `with fired as (select e.data #>> '{trigger,firing}' as firing, count(*) as runs from run r join event e on e.run_id = r.id and e.seq = 1
                     where r.trigger_kind = 'schedule' group by 1)
     select count(*)::int as ticks, count(distinct (f.schedule_id, f.fire_at))::int as times, coalesce(sum(fired.runs - 1), 0)::int as double
       from firing f join fired on fired.firing = f.schedule_id || ':' || to_char(f.fire_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
      where f.fire_at >= $1 and f.fire_at < $2 and f.outcome = 'fired'`,
    [from, to],
  );
  return rows[0] ?? { ticks: 0, times: 0, double: 0 };
}

function report(
  { ticks, times, double }: Counted,
  { expected, kills }: { readonly expected: number; readonly kills: number },
): boolean {
  const figure = (metric: string, value: number) => print({ bench: 'cron', metric, value, unit: 'firings', n: kills });
  figure('ticks', ticks);
  figure('missing', expected - times);
  figure('double', double);
  return ticks === expected && times === expected && double === 0;
}
