import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StartFailure } from './failure.ts';
import { isAlive, startMark } from './process-table.ts';

const ATTEMPTS = 5;

/** Who holds a data folder: process id and start mark, so that a reused id is not mistaken for it. */
type Holder = { readonly pid: number; readonly mark: string };

function readHolder(file: string): Holder | null {
  try {
    const [pid = '', mark = ''] = readFileSync(file, 'utf8').split('\n');
    return { pid: Number(pid), mark };
  } catch {
    return null;
  }
}

const holds = (holder: Holder): boolean => isAlive(holder.pid) && startMark(holder.pid) === holder.mark;

/**
 * Makes this process the only one that works in `directory` (created if need be) and answers how to give it back. Of two
 * that start at once, one gets it: the lock appears complete or not at all. One left by a process that died is taken over.
 * Throws `data_in_use`, naming the holder.
 */
export function lockDataFolder(directory: string): () => void {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const file = join(directory, 'lock');
  const draft = join(directory, `lock.${process.pid}`);
  writeFileSync(draft, `${process.pid}\n${startMark(process.pid) ?? ''}\n`);
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      try {
        linkSync(draft, file);
        return () => {
          if (readHolder(file)?.pid === process.pid) rmSync(file, { force: true });
        };
      } catch {
        removeIfStale(file, directory);
      }
    }
  } finally {
    rmSync(draft, { force: true });
  }
  throw new StartFailure(
    'data_in_use',
    `cannot lock ${directory}`,
    'is the folder writable? SWITCHYARD_DATA names another one',
  );
}

function removeIfStale(file: string, directory: string): void {
  const holder = readHolder(file);
  if (holder === null) return;
  if (holds(holder)) throw inUse(directory, holder.pid);
  // moved before it is judged again: what another starter put there in between must not be deleted
  const aside = join(directory, `lock.stale.${process.pid}`);
  try {
    renameSync(file, aside);
  } catch {
    return; // another starter was faster
  }
  const moved = readHolder(aside);
  rmSync(aside, { force: true });
  if (moved !== null && holds(moved)) throw inUse(directory, moved.pid);
}

function inUse(directory: string, pid: number): StartFailure {
  return new StartFailure(
    'data_in_use',
    `Switchyard already runs with the data in ${directory} (process ${pid})`,
    `use that one, stop it with \`kill ${pid}\`, or set SWITCHYARD_DATA to another folder`,
  );
}
