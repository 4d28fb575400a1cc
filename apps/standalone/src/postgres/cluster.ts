import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { StartFailure } from '../failure.ts';
import { anyFreePort, isFree } from '../ports.ts';
import { isAlive, sendSignal } from '../process-table.ts';
import type { System } from '../system.ts';
import { type Account, chooseAccount } from './account.ts';
import { type Binaries, findBinaries } from './binaries.ts';
import { disarmStalePid, isReady, livingPostmaster } from './postmaster.ts';

/*
 * PostgreSQL in a folder: DIRECTORY/data (the cluster), password, port, postgres.log.
 *
 *   absent ──initdb──▶ down ──start──▶ up ──stop──▶ down
 *                        ▲              │ crash
 *                        └──────────────┘
 *
 * A postmaster may outlive the process that started it (kill -9); the next start adopts it, and `stop` stops it too.
 */

const OWNER = 'switchyard';
const START_PATIENCE_MS = 60_000;
const STOP_PATIENCE_MS = 20_000;
const MEMORY_IN_USE = 'is still in use';
const MEMORY_ATTEMPTS = 40;
const MEMORY_PAUSE_MS = 250;
const LOG_LIMIT_BYTES = 20 * 1024 * 1024;

/** A cluster that is up. */
export type Cluster = {
  /** Process id of the postmaster now; another one after a restart. */
  readonly pid: () => number;
  /** True when an earlier start left it running. */
  readonly adopted: boolean;
  readonly port: number;
  /** Address of a database of this cluster, with its password. */
  readonly url: (database: string) => string;
  /** True while the postmaster lives. */
  readonly alive: () => boolean;
  /** Starts it again after a death, on the same port. Throws `postgres_failed`. */
  readonly restart: () => Promise<void>;
  /** Ends it: open transactions are rolled back, the disk is left clean. `hard`: at once, recovery at the next start. */
  readonly stop: (how?: 'clean' | 'hard') => Promise<void>;
};

/** Settings a caller may add, as on PostgreSQL's command line (`name=value`). */
export type ClusterOptions = {
  readonly directory: string;
  readonly system: System;
  /** Made with the cluster; letters, digits and underscores. */
  readonly database: string;
  readonly settings?: readonly string[];
};

/**
 * Makes the cluster if there is none, adopts or starts its postmaster and waits until it answers. Listens on 127.0.0.1 only,
 * passwords are checked (scram), fsync is on. Duty: one caller per folder at a time (see data-lock.ts).
 * Throws `no_binaries`, `initdb_failed`, `postgres_failed`.
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { directory, system } = options;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const account = chooseAccount(directory);
  const password = readOrMakePassword(directory, account);
  const data = join(directory, 'data');
  const binaries = findBinaries();
  if (!existsSync(join(data, 'PG_VERSION')))
    initialize({ directory, data, account, binaries, database: options.database });

  const url = (port: number) => (database: string) => `postgresql://${OWNER}:${password}@127.0.0.1:${port}/${database}`;
  const launchOnce = async (port: number): Promise<number> => {
    disarmStalePid(data);
    const pid = launch({ ...options, account, data, port, postgres: binaries.postgres });
    await untilReady({ system, data, pid, directory });
    return pid;
  };
  const boot = async (port: number): Promise<number> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await launchOnce(port);
      } catch (error) {
        // children of a killed postmaster hold its shared memory until they notice, a moment later
        const passing = error instanceof StartFailure && error.message.includes(MEMORY_IN_USE);
        if (!passing || attempt === MEMORY_ATTEMPTS) throw error;
        await system.sleep(MEMORY_PAUSE_MS);
      }
    }
  };

  const living = livingPostmaster(data);
  const port = living?.port ?? (await keptPort(directory));
  let pid = living?.pid ?? (await boot(port));
  if (living !== null) await untilReady({ system, data, pid, directory });
  writeFileSync(join(directory, 'port'), String(port));
  return {
    pid: () => pid,
    adopted: living !== null,
    port,
    url: url(port),
    alive: () => isAlive(pid),
    restart: async () => {
      pid = await boot(port);
    },
    stop: (how = 'clean') => stopPostmaster(pid, how, system),
  };
}

function readOrMakePassword(directory: string, account: Account): string {
  const file = join(directory, 'password');
  if (!existsSync(file)) {
    writeFileSync(file, randomBytes(24).toString('hex'), { mode: 0o600 });
    if (account.name === 'nobody') chownSync(file, statSync(directory).uid, statSync(directory).gid); // initdb reads it
  }
  return readFileSync(file, 'utf8').trim();
}

type Initialization = {
  readonly directory: string;
  readonly data: string;
  readonly account: Account;
  readonly binaries: Binaries;
  readonly database: string;
};

function initialize({ directory, data, account, binaries, database }: Initialization): void {
  const draft = `${data}.new`; // renamed when complete, so that an initdb killed half-way leaves no cluster
  rmSync(draft, { recursive: true, force: true });
  const args = [
    ...['-D', draft, '-U', OWNER, `--pwfile=${join(directory, 'password')}`, '--auth=scram-sha-256', '--encoding=UTF8'],
    // free of the locales that the host has or lacks
    ...['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'],
    '--no-instructions',
  ];
  const [file, words] = account.command(binaries.initdb, args);
  const made = spawnSync(file, [...words], { encoding: 'utf8', cwd: '/' });
  // single-user mode: no listener, no client library, and the database is there before anybody can connect
  const [single, options] = account.command(binaries.postgres, ['--single', '-D', draft, 'postgres']);
  const input = `create database ${database}\n`;
  if (made.status === 0 && spawnSync(single, [...options], { input, cwd: '/' }).status === 0) {
    return renameSync(draft, data);
  }
  rmSync(draft, { recursive: true, force: true });
  const reason = made.error?.message ?? `${made.stderr}`.trim();
  throw new StartFailure(
    'initdb_failed',
    `PostgreSQL could not create its data folder ${data} as ${account.name}: ${reason}`,
    'is the disk full or read-only? Otherwise set DATABASE_URL to a server of your own',
  );
}

/** The port of earlier starts while it is free: programs that were given the address keep working. */
async function keptPort(directory: string): Promise<number> {
  const file = join(directory, 'port');
  const kept = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
  return kept > 0 && (await isFree(kept, '127.0.0.1')) ? kept : anyFreePort();
}

type Launch = ClusterOptions & {
  readonly account: Account;
  readonly data: string;
  readonly port: number;
  readonly postgres: string;
};

/** Starts the postmaster in a session of its own, so that Ctrl-C reaches it only through us; answers its process id. */
function launch({ directory, account, data, port, postgres, settings = [] }: Launch): number {
  const log = openLog(directory);
  const fixed = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'max_connections=200',
    'log_line_prefix=%m [%p] %d ',
  ];
  const args = ['-D', data, '-p', String(port), ...[...fixed, ...settings].flatMap((setting) => ['-c', setting])];
  const [file, words] = account.command(postgres, args);
  const child = spawn(file, [...words], { stdio: ['ignore', log, log], detached: true, cwd: '/' });
  child.on('error', () => {}); // seen as a process that does not live
  child.unref();
  closeSync(log);
  return child.pid ?? -1;
}

function openLog(directory: string): number {
  const file = join(directory, 'postgres.log');
  if (existsSync(file) && statSync(file).size > LOG_LIMIT_BYTES) renameSync(file, `${file}.1`);
  return openSync(file, 'a', 0o600);
}

type Waiting = {
  readonly system: System;
  readonly data: string;
  readonly pid: number;
  readonly directory: string;
};

/** Waits until it takes connections; a crash recovery may take a while. */
async function untilReady({ system, data, pid, directory }: Waiting): Promise<void> {
  const until = system.elapsed() + START_PATIENCE_MS;
  while (!isReady(data, pid)) {
    if (isAlive(pid) && system.elapsed() < until) {
      await system.sleep(25);
      continue;
    }
    const log = join(directory, 'postgres.log');
    const tail = existsSync(log) ? readFileSync(log, 'utf8').slice(-800) : '';
    throw new StartFailure('postgres_failed', `PostgreSQL did not start\n${tail}`, `the whole log is ${log}`);
  }
}

/** SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one. */
async function stopPostmaster(pid: number, how: 'clean' | 'hard', system: System): Promise<void> {
  if (!sendSignal(pid, how === 'hard' ? 'SIGQUIT' : 'SIGINT')) return;
  const until = system.elapsed() + STOP_PATIENCE_MS;
  while (isAlive(pid)) {
    if (system.elapsed() > until) {
      sendSignal(pid, 'SIGQUIT');
      return;
    }
    await system.sleep(10);
  }
}
