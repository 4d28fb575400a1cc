import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** The processes that a fault can hit. */
export type Part = 'engine' | 'worker' | 'server' | 'postgres';

/** The whole product as a user starts it, in a data folder of its own. */
export type Product = {
  readonly url: string;
  readonly port: number;
  readonly enginePort: number;
  readonly engineKey: string;
  readonly dataDirectory: string;
  /** Milliseconds from spawn to the line with the URL. */
  readonly startMs: number;
  /** Process ids of a part, the newest first; empty while it is down. */
  pids(part: Part): number[];
  /** Ends the process group's main process with SIGKILL, as a crash would. */
  kill(part: Part): number;
  /** JSON over the REST API; throws with status and body on a non-2xx answer. */
  api<T>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<T>;
  /** A connection of the owner of the database; the caller ends it. */
  database(): Promise<pg.Client>;
  /** SIGINT, as Ctrl-C does; answers the exit code. */
  stop(): Promise<number | null>;
};

/**
 * A TCP port that was free a moment ago: the one wished for, else one of four digits like the product's own. Pocket
 * copies addresses and never saw longer ports in training.
 */
export const freePort = (wish: number = randomInt(7100, 8000), triesLeft = 50): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error) =>
      triesLeft > 0 ? resolve(freePort(randomInt(7100, 8000), triesLeft - 1)) : reject(error),
    );
    probe.listen(wish, '127.0.0.1', () => probe.close(() => resolve(wish)));
  });

/** Waits until `probe` answers something other than undefined; throws what it waited for after `ms`. */
export async function until<T>(
  what: string,
  ms: number,
  probe: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    if (Date.now() > end) throw new Error(`waited ${ms} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const COMMAND: Record<Exclude<Part, 'postgres'>, string> = {
  engine: join('engine', 'dist', 'main.js'),
  worker: join('worker', 'dist', 'main.js'),
  server: join('server', 'dist', 'main.js'),
};

/** How to start the product. `embedded`: on its own Postgres even where DATABASE_URL names another. */
export type ProductOptions = {
  readonly env?: Record<string, string>;
  readonly port?: number;
  readonly embedded?: boolean;
};

/**
 * Starts the built product (`npm run build` first) on free ports with a fresh data folder. Where DATABASE_URL is set it
 * runs on a new database of that server, dropped when it stops.
 */
export async function startProduct(options: ProductOptions = {}): Promise<Product> {
  const [port, enginePort] = [await freePort(options.port), await freePort()];
  const { DATABASE_URL: server, ...inherited } = process.env;
  const external = server === undefined || options.embedded === true ? null : await makeDatabase(server);
  const engineKey = 'engine-key-of-a-test';
  const dataDirectory = mkdtempSync(join(tmpdir(), 'switchyard-'));
  const began = Date.now();
  const child = spawn(process.execPath, [join(ROOT, 'apps/standalone/dist/main.js')], {
    cwd: ROOT,
    env: {
      ...inherited,
      ...(external === null ? {} : { DATABASE_URL: external.url }),
      SWITCHYARD_PORT: String(port),
      SWITCHYARD_ENGINE_PORT: String(enginePort),
      SWITCHYARD_ENGINE_KEY: engineKey,
      SWITCHYARD_DATA: dataDirectory,
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const url = await firstUrl(child);
  return {
    url,
    port,
    enginePort,
    engineKey,
    dataDirectory,
    startMs: Date.now() - began,
    pids: (part) => findPids(part, child.pid ?? 0, dataDirectory),
    kill: (part) => killPart(part, child.pid ?? 0, dataDirectory),
    api: (method, path, body, headers) => callApi(url, { method, path, body, headers }),
    database: () => connectOwner(external?.url ?? readFileSync(join(dataDirectory, 'postgres/url'), 'utf8').trim()),
    stop: async () => {
      const code = await stopChild(child);
      rmSync(dataDirectory, { recursive: true, force: true });
      await external?.drop();
      return code;
    },
  };
}

function firstUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let out = '';
    let err = '';
    child.stderr?.on('data', (chunk) => {
      err = (err + chunk).slice(-4000);
    });
    child.stdout?.on('data', (chunk) => {
      out += chunk;
      const found = /https?:\/\/[^\s"]+/.exec(out);
      if (found) resolve(found[0].replace(/\/$/, ''));
    });
    child.once('exit', (code) => reject(new Error(`the product ended with ${code} before it printed its URL\n${err}`)));
  });
}

function stopChild(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('exit', resolve);
    if (child.exitCode !== null) return resolve(child.exitCode);
    child.kill('SIGINT');
  });
}

/** A database of its own on a server that somebody runs. */
async function makeDatabase(server: string): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `switchyard_product_${randomBytes(6).toString('hex')}`;
  const run = async (sql: string): Promise<void> => {
    const client = await connectOwner(server);
    await client.query(sql).finally(() => client.end());
  };
  await run(`create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => run(`drop database if exists ${name} with (force)`) };
}

type ProcessEntry = { pid: number; parent: number; command: string };

/** All processes of this machine, from /proc. */
function processes(): ProcessEntry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
        return [
          { pid: Number(name), parent, command: readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ') },
        ];
      } catch {
        return []; // ended while we looked
      }
    });
}

function findPids(part: Part, main: number, dataDirectory: string): number[] {
  if (part === 'postgres') {
    try {
      return [Number(readFileSync(join(dataDirectory, 'postgres/data/postmaster.pid'), 'utf8').split('\n')[0])].filter(
        (pid) => alive(pid),
      );
    } catch {
      return [];
    }
  }
  return processes()
    .filter((entry) => entry.parent === main && entry.command.includes(COMMAND[part]))
    .map((entry) => entry.pid)
    .sort((a, b) => b - a);
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function killPart(part: Part, main: number, dataDirectory: string): number {
  const pid = findPids(part, main, dataDirectory)[0];
  if (pid === undefined) throw new Error(`no ${part} to kill`);
  process.kill(pid, 'SIGKILL');
  return pid;
}

type Call = { method: string; path: string; body: unknown; headers: Record<string, string> | undefined };

async function callApi<T>(url: string, call: Call): Promise<T> {
  const answer = await fetch(url + call.path, {
    method: call.method,
    headers: { ...(call.body === undefined ? {} : { 'content-type': 'application/json' }), ...call.headers },
    ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    signal: AbortSignal.timeout(30_000), // a process that was killed may leave a socket behind that nobody closes
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${call.method} ${call.path}: ${answer.status} ${text.slice(0, 500)}`);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

async function connectOwner(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString });
  client.on('error', () => {}); // a killed server ends the connection; the caller's next query says so
  await client.connect();
  return client;
}
