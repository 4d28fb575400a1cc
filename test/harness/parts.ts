import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { migrate } from '@switchyard/journal';
import pg from 'pg';
import { z } from 'zod';
import { startCluster } from '../../apps/standalone/src/postgres/index.ts';
import { realSystem } from '../../apps/standalone/src/system.ts';
import { freePort } from './product.ts';

/*
 * The parts of an installation as processes of their own, from their builds, without the supervisor: a test kills one with
 * SIGKILL and starts it again itself, armed for the next crash or not. Nothing else is restarted, so a kill costs about a second.
 */

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const SECRET_KEY = '07'.repeat(32);
const DATABASE = 'switchyard';
/** A process that was killed may leave a socket behind that nobody closes. */
const CALL_MS = 2_000;
const Fired = z.object({
  crash: z.string(),
  runId: z.string(),
  seq: z.number().nullable(),
  kinds: z.array(z.string()),
});
/** A crash point that killed: what it said in its last line. */
export type Fired = z.infer<typeof Fired>;

/** One running process of a part. */
export type PartProcess = {
  readonly pid: number;
  /** Its first line on stdout, when there was one. */
  readonly said: string | null;
  /** Ends when an armed crash point has fired, in this process or in another that it killed. */
  readonly fired: Promise<Fired>;
  /** Ends when the process has. */
  readonly exited: Promise<void>;
  alive(): boolean;
  /** Its exit code or signal, and its last lines on stderr: why it is not alive. */
  story(): string;
  signal(signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): void;
  /** SIGTERM and the end of it. */
  terminate(): Promise<void>;
};

/** Starts a program and waits for its first line. Throws what it wrote when it ends before, unless a crash point ended it. */
export async function startPart(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<PartProcess> {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined));
  const child = spawn(process.execPath, [...args], {
    cwd: ROOT,
    env: { PATH: process.env.PATH ?? '', NODE_ENV: 'production', ...given } as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit').then(() => {});
  const { fired, told } = listen(child);
  const said = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line').then(([line]) => String(line)),
    exited.then(() => null),
    fired.then(() => null),
  ]);
  const alive = (): boolean => child.exitCode === null && child.signalCode === null;
  if (said === null && child.signalCode !== 'SIGKILL' && !alive()) throw new Error(`${args.at(-1)} ended: ${told()}`);
  return {
    pid: child.pid ?? 0,
    said,
    fired,
    exited,
    alive,
    story: () => `${child.exitCode ?? child.signalCode}\n${told()}`,
    signal: (signal) => void child.kill(signal),
    terminate: async () => {
      if (alive()) child.kill('SIGTERM');
      await exited;
    },
  };
}

function listen(child: ChildProcess): { readonly fired: Promise<Fired>; readonly told: () => string } {
  const lines: string[] = [];
  const fired = new Promise<Fired>((resolve) => {
    if (child.stderr === null) return;
    createInterface({ input: child.stderr }).on('line', (line) => {
      lines.push(line);
      if (lines.length > 40) lines.shift();
      if (line.startsWith('{"crash"')) resolve(Fired.parse(JSON.parse(line)));
    });
  });
  return { fired, told: () => lines.join('\n') };
}

/** What an installation of parts is made of. */
export type PartsOptions = {
  /** Origins that runs may reach. */
  readonly allow: readonly string[];
  readonly redisUrl?: string;
  /** Addresses by which server and workers reach the database, for instance through a proxy. */
  readonly through?: (url: string) => string;
};

/** A cluster of its own with a migrated database, and ways to start server and workers on it. */
export type Parts = {
  readonly url: string;
  readonly databaseUrl: string;
  readonly postgres: {
    pid(): number;
    kill(): void;
    alive(): boolean;
    /** Waits for the death of the postmaster, ends what it left, and starts it again. */
    restart(): Promise<void>;
  };
  worker(more?: Readonly<Record<string, string>>): Promise<PartProcess>;
  server(more?: Readonly<Record<string, string>>): Promise<PartProcess>;
  /** JSON over the REST API; throws with the status on a non-2xx answer. */
  api<T>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<T>;
  /** One statement as the owner, on a connection of its own so that no earlier kill is in the way. */
  sql<Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Stops Postgres and removes everything. Processes are the caller's. */
  close(): Promise<void>;
};

/** Starts Postgres; nothing else yet. */
export async function openParts(options: PartsOptions): Promise<Parts> {
  const directory = mkdtempSync(join(tmpdir(), 'switchyard-parts-'));
  // kill -9 of the server loses nothing without fsync either; only a power cut does
  const settings = ['fsync=off', 'full_page_writes=off'];
  const cluster = await startCluster({
    directory: join(directory, 'postgres'),
    system: realSystem,
    database: DATABASE,
    settings,
  });
  const databaseUrl = cluster.url(DATABASE);
  await migrate(databaseUrl, { directory: join(ROOT, 'prisma/migrations') });
  const port = await freePort();
  const env = {
    DATABASE_URL: options.through?.(databaseUrl) ?? databaseUrl,
    SWITCHYARD_SECRET_KEY: SECRET_KEY,
    SWITCHYARD_PORT: String(port),
    SWITCHYARD_DATA: directory,
    SWITCHYARD_ALLOW_ORIGINS: options.allow.join(','),
  };
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    databaseUrl,
    postgres: {
      pid: cluster.pid,
      kill: () => void process.kill(cluster.pid(), 'SIGKILL'),
      alive: cluster.alive,
      restart: async () => {
        while (cluster.alive()) await realSystem.sleep(10);
        killOrphans(join(directory, 'postgres/data'));
        await cluster.restart();
      },
    },
    worker: (more = {}) =>
      startPart([join(ROOT, 'apps/worker/dist/main.js')], { ...env, REDIS_URL: options.redisUrl, ...more }),
    server: (more = {}) => startPart([join(ROOT, 'apps/server/dist/main.js')], { ...env, ...more }),
    api: (method, path, body, headers) => callApi(url + path, { method, body, headers }),
    sql: (text, values) => ask(databaseUrl, text, values),
    close: async () => {
      await cluster.stop('hard');
      while (cluster.alive()) await realSystem.sleep(10);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Backends of a killed postmaster hold its memory until they notice; a power cut takes them too. */
function killOrphans(data: string): void {
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry)))
    try {
      if (readlinkSync(`/proc/${name}/cwd`) === data) process.kill(Number(name), 'SIGKILL');
    } catch {
      // ended while we looked, or somebody else's
    }
}

type Call = { readonly method: string; readonly body: unknown; readonly headers: Record<string, string> | undefined };

async function callApi<T>(url: string, { method, body, headers }: Call): Promise<T> {
  const answer = await fetch(url, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(CALL_MS),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${text.slice(0, 500)}`);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

async function ask<Row extends pg.QueryResultRow>(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query<Row>(text, [...values])).rows;
  } finally {
    await client.end().catch(() => {});
  }
}
