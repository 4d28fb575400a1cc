import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandLine, isAlive } from '../process-table.ts';

/** What `postmaster.pid` says: the main process and the port it listens on. */
export type Postmaster = { readonly pid: number; readonly port: number };

/** No process has it: larger than any limit of Linux and macOS. */
const NO_PROCESS = '99999999';

function pidFile(data: string): string {
  return join(data, 'postmaster.pid');
}

/** The postmaster that works on this data folder, null when none lives. */
export function livingPostmaster(data: string): Postmaster | null {
  const lines = readLines(data);
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  return pid > 0 && port > 0 && isAlive(pid) && isOurs(pid, data) ? { pid, port } : null;
}

/** True when this postmaster takes connections; it writes so itself. */
export function isReady(data: string, pid: number): boolean {
  const lines = readLines(data);
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
}

/**
 * Readies a `postmaster.pid` left by a crash whose process id still exists, as another program's or as a zombie's that nobody
 * reaps: PostgreSQL would take that for a postmaster and refuse to start. Only the id is replaced, so PostgreSQL still checks
 * that nobody uses the shared memory the file names. Does nothing while a postmaster lives.
 */
export function disarmStalePid(data: string): void {
  const lines = readLines(data);
  if (lines.length === 0 || livingPostmaster(data) !== null) return;
  writeFileSync(pidFile(data), [NO_PROCESS, ...lines.slice(1)].join('\n'));
}

/** A postmaster's command line names the data folder; those of its children do not. */
function isOurs(pid: number, data: string): boolean {
  const command = commandLine(pid);
  return command.includes('postgres') && command.includes(data);
}

function readLines(data: string): readonly string[] {
  try {
    return readFileSync(pidFile(data), 'utf8').split('\n');
  } catch {
    return [];
  }
}
