import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import type { JournalEvent } from '@switchyard/pipeline';

/** Where captured journals lie, one gzipped JSON file each; the name begins with the version that wrote it. */
export const FOLDER = fileURLToPath(new URL('./captured', import.meta.url));

/** A run as an earlier build left it, with the runs that it called. */
export type CapturedJournal = {
  readonly script: string;
  readonly token: string;
  readonly runs: readonly {
    readonly role: 'run' | 'called';
    readonly document: unknown;
    readonly events: readonly JournalEvent[];
  }[];
};

/** All captured journals by file name. */
export const captured = (): [string, CapturedJournal & { readonly origin: string }][] =>
  readdirSync(FOLDER)
    .filter((file) => file.endsWith('.json.gz'))
    .map((file) => [file, JSON.parse(gunzipSync(readFileSync(`${FOLDER}/${file}`)).toString())]);
