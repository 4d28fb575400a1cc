import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isAlive } from '../process-table.ts';
import { realSystem } from '../system.ts';
import { type ChildPlan, superviseChild } from './child.ts';
import { openLogFile } from './log-file.ts';

describe('a supervised child', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'switchyard-child-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  /** A child that writes its process id to a file, says "up" and runs `body`. */
  const planOf = (body: string): ChildPlan => {
    const script = join(directory, 'child.cjs');
    writeFileSync(script, `require('fs').appendFileSync('pids', process.pid + '\\n'); console.log('up'); ${body}`);
    return {
      name: 'child',
      args: [script],
      environment: process.env,
      directory,
      log: openLogFile(directory, 'child', realSystem),
      readyLine: /^up$/,
    };
  };
  const pids = (): number[] => readFileSync(join(directory, 'pids'), 'utf8').trim().split('\n').map(Number);
  const until = async (what: () => boolean): Promise<void> => {
    for (let look = 0; look < 1000; look++) {
      if (what()) return;
      await realSystem.sleep(10);
    }
    throw new Error(`waited in vain: ${what}`);
  };

  it('is started again after it died, and not after it was stopped', async () => {
    const told: string[] = [];
    const child = superviseChild(planOf('setInterval(() => {}, 1000)'), realSystem, (line) => told.push(line));
    expect(await child.ready).toBe(true);
    process.kill(pids()[0]!, 'SIGKILL');
    await until(() => pids().length === 2);
    expect(told).toEqual([expect.stringMatching(/^child ended \(SIGKILL\), starting again in 0.25 s; its log: /)]);
    await child.stop();
    expect(pids().some(isAlive)).toBe(false);
    expect(pids()).toHaveLength(2);
    expect(readFileSync(join(directory, 'child.log'), 'utf8')).toMatch(/Z child \| up\n/);
  });

  it('is killed at once by a hard stop, deaf or not', async () => {
    const child = superviseChild(
      planOf("process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"),
      realSystem,
      () => {},
    );
    await child.ready;
    await child.stop('hard');
    expect(isAlive(pids()[0]!)).toBe(false);
  });

  it('that ends before it is ready says so', async () => {
    const plan = { ...planOf('process.exit(3)'), readyLine: /never/ };
    const told: string[] = [];
    const child = superviseChild(plan, realSystem, (line) => told.push(line));
    expect(await child.ready).toBe(false);
    expect(told[0]).toContain('code 3');
    await child.stop();
  });
});
