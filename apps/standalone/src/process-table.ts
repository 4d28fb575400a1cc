import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const HAS_PROC = existsSync('/proc/self/stat');

/** State letter and start time (ticks since boot) out of /proc; null when there is no such process. */
function readStat(pid: number): { readonly state: string; readonly start: string } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // the name before may hold spaces and brackets
    return { state: fields[0] ?? '', start: fields[19] ?? '' };
  } catch {
    return null;
  }
}

function ps(pid: number, column: string): string {
  return spawnSync('ps', ['-o', `${column}=`, '-p', String(pid)], { encoding: 'utf8' }).stdout?.trim() ?? '';
}

/** True while the process runs. A zombie does not: where nobody reaps orphans (containers) it would stay for ever. */
export function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  if (HAS_PROC) {
    const stat = readStat(pid);
    return stat !== null && stat.state !== 'Z' && stat.state !== 'X';
  }
  const state = ps(pid, 'stat');
  return state !== '' && !state.startsWith('Z');
}

/** A mark that no later process with the same id shares; null when there is no such process. */
export function startMark(pid: number): string | null {
  const mark = HAS_PROC ? readStat(pid)?.start : ps(pid, 'lstart');
  return mark === undefined || mark === '' ? null : mark;
}

/** The command line, arguments separated by blanks; empty when there is no such process. */
export function commandLine(pid: number): string {
  if (!HAS_PROC) return ps(pid, 'command');
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

/** Sends a signal; false when the process is gone already. A negative id means the process group. */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
