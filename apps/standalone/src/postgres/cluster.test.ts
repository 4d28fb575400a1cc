import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate } from '@switchyard/journal';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAlive } from '../process-table.ts';
import { realSystem } from '../system.ts';
import { type Cluster, startCluster } from './cluster.ts';

const accounts = process.getuid?.() === 0 ? (['as chosen', 'as nobody'] as const) : (['as chosen'] as const);

describe.each(accounts)('embedded PostgreSQL, %s', (account) => {
  let directory = '';
  let cluster: Cluster;
  const start = (): Promise<Cluster> => startCluster({ directory, system: realSystem, database: 'house' });

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'switchyard-cluster-'));
    if (account === 'as nobody') writeFileSync(join(directory, 'as-nobody'), ''); // as where user namespaces are not allowed
    cluster = await start();
  });
  afterAll(async () => {
    await cluster.stop('hard');
    for (let look = 0; cluster.alive() && look < 500; look++) await realSystem.sleep(10);
    rmSync(directory, { recursive: true });
  });

  it('makes the database with the cluster and takes migrations', async () => {
    expect((await migrate(cluster.url('house'))).applied.length).toBeGreaterThan(0);
    expect((await migrate(cluster.url('house'))).applied).toEqual([]);
  });

  it('keeps the password from others and wants it', async () => {
    expect(statSync(join(directory, 'password')).mode & 0o077).toBe(0);
    const wrong = new URL(cluster.url('house'));
    wrong.password = 'wrong';
    await expect(migrate(wrong.href)).rejects.toMatchObject({ message: expect.stringMatching(/password/) });
  });

  it('is adopted, and stopped, by a start that did not start it', async () => {
    const second = await start();
    expect(second).toMatchObject({ adopted: true, port: cluster.port });
    expect(second.pid()).toBe(cluster.pid());
    await second.stop();
    expect(isAlive(second.pid())).toBe(false);
    expect(existsSync(join(directory, 'data', 'postmaster.pid'))).toBe(false);
  });

  it('comes up on the same port after a kill, with all that was committed', async () => {
    const { port } = cluster;
    cluster = await start();
    expect(cluster).toMatchObject({ adopted: false, port });
    process.kill(cluster.pid(), 'SIGKILL');
    for (let look = 0; cluster.alive() && look < 500; look++) await realSystem.sleep(10);
    await cluster.restart();
    expect((await migrate(cluster.url('house'))).applied).toEqual([]);
  });

  it('is not held back by a stale postmaster.pid whose id another program has now', async () => {
    await cluster.stop();
    const stale = `${process.pid}\n${join(directory, 'data')}\n1\n${cluster.port}\n\n127.0.0.1\n  1 1\nready\n`;
    writeFileSync(join(directory, 'data', 'postmaster.pid'), stale);
    cluster = await start();
    expect(cluster.adopted).toBe(false);
    expect(readFileSync(join(directory, 'data', 'postmaster.pid'), 'utf8')).toMatch(new RegExp(`^${cluster.pid()}\n`));
  });
});
