import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockDataFolder } from './data-lock.ts';
import { StartFailure } from './failure.ts';
import { startMark } from './process-table.ts';

describe('the lock on the data folder', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'switchyard-lock-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const lockOf = (pid: number, mark: string): void => writeFileSync(join(directory, 'lock'), `${pid}\n${mark}\n`);

  it('refuses a second start and names the process and what to do', () => {
    const release = lockDataFolder(directory);
    try {
      lockDataFolder(directory);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(StartFailure);
      expect(error).toMatchObject({ code: 'data_in_use', message: expect.stringContaining(String(process.pid)) });
      expect(error).toMatchObject({ hint: expect.stringContaining(`kill ${process.pid}`) });
    }
    release();
    lockDataFolder(directory)();
    expect(existsSync(join(directory, 'lock'))).toBe(false);
  });

  it('takes over from a process that is gone', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    const pid = child.pid ?? 0;
    const mark = startMark(pid) ?? '';
    await once(child, 'exit');
    lockOf(pid, mark);
    lockDataFolder(directory);
    expect(readFileSync(join(directory, 'lock'), 'utf8')).toMatch(new RegExp(`^${process.pid}\n`));
    expect(readdirSync(directory)).toEqual(['lock']);
  });

  it('is not fooled by another program that got the same process id', () => {
    lockOf(process.pid, 'started at another time');
    expect(() => lockDataFolder(directory)).not.toThrow();
  });
});
