import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const KEY_BYTES = 32;

/**
 * The key that seals credentials, made once and kept in `secret.key` (readable by the owner alone). Who loses it loses the
 * sealed values: back it up with the database. Answers 64 hex digits.
 */
export function readOrMakeSecretKey(directory: string): string {
  const file = join(directory, 'secret.key');
  if (!existsSync(file)) {
    const draft = `${file}.${process.pid}`; // complete or not at all
    writeFileSync(draft, randomBytes(KEY_BYTES).toString('hex'), { mode: 0o600 });
    linkSync(draft, file);
    rmSync(draft);
  }
  return readFileSync(file, 'utf8').trim();
}

/** A key for the engine, good for one start. */
export const makeEngineKey = (): string => randomBytes(KEY_BYTES).toString('hex');
