import { createWriteStream, existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { System } from '../system.ts';

const LIMIT_BYTES = 20 * 1024 * 1024;

/** A log that lines of several streams go to, each with the time in front. */
export type LogFile = {
  readonly path: string;
  readonly write: (line: string) => void;
  /** Every line of the stream, also to `listen`. */
  readonly take: (stream: Readable, listen?: (line: string) => void) => void;
};

/** Opens DIRECTORY/NAME.log for appending; one that has grown large becomes NAME.log.1 first. */
export function openLogFile(directory: string, name: string, system: System): LogFile {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, `${name}.log`);
  if (existsSync(path) && statSync(path).size > LIMIT_BYTES) renameSync(path, `${path}.1`);
  const file = createWriteStream(path, { flags: 'a', mode: 0o600 });
  file.on('error', () => {}); // a full disk must not end the product
  const write = (line: string): void => void file.write(`${system.timestamp()} ${name} | ${line}\n`);
  return {
    path,
    write,
    take: (stream, listen) => {
      createInterface({ input: stream }).on('line', (line) => {
        write(line);
        listen?.(line);
      });
    },
  };
}
