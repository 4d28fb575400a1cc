import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { anyFreePort } from '../../apps/standalone/src/ports.ts';
import { startCluster } from '../../apps/standalone/src/postgres/index.ts';
import { realSystem } from '../../apps/standalone/src/system.ts';

/*
 * The stores of all suites, started once before the first test file:
 * TEST_DATABASE_URL  a server whose user may create databases: DATABASE_URL where it is set, else the product's own embedded one
 * REDIS_URL          kept where it is set, else a redis-server found on the path; absent where there is none, and the suites that
 *                    need Redis say that they skip
 */

type Undo = () => Promise<void> | void;

async function providePostgres(): Promise<Undo> {
  const given = process.env.TEST_DATABASE_URL ?? process.env.DATABASE_URL;
  if (given !== undefined) {
    process.env.TEST_DATABASE_URL = given;
    return () => {};
  }
  const directory = mkdtempSync(join(tmpdir(), 'switchyard-test-postgres-'));
  // durability is the product's, not the suites': kill -9 of the server loses nothing without fsync either, only a power cut does
  const cluster = await startCluster({
    directory,
    system: realSystem,
    database: 'switchyard',
    settings: ['fsync=off', 'full_page_writes=off'],
  });
  process.env.TEST_DATABASE_URL = cluster.url('postgres');
  return async () => {
    await cluster.stop('hard');
    while (cluster.alive()) await realSystem.sleep(10);
    rmSync(directory, { recursive: true, force: true });
  };
}

async function provideRedis(): Promise<Undo> {
  if (process.env.REDIS_URL !== undefined) return () => {};
  if (spawnSync('redis-server', ['--version']).status !== 0) return () => {};
  const port = await anyFreePort();
  const directory = mkdtempSync(join(tmpdir(), 'switchyard-test-redis-'));
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', directory];
  const child = spawn('redis-server', args, { stdio: 'ignore' });
  process.env.REDIS_URL = `redis://127.0.0.1:${port}`;
  return () => {
    child.kill('SIGKILL');
    if (existsSync(directory)) rmSync(directory, { recursive: true, force: true });
  };
}

/** Called by vitest; what it answers undoes it after the last test. */
export default async function setup(): Promise<() => Promise<void>> {
  const undo = await Promise.all([providePostgres(), provideRedis()]);
  return async () => {
    for (const one of undo) await one();
  };
}
