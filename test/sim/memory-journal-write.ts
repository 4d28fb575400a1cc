import type { EventRow } from '../../packages/journal/src/encode.ts';
import type { RunTable, StepRow, Tables } from './memory-journal-rows.ts';

/*
 * What the journal's functions in memory have in common: blobs, limiters, events, new rows. One synchronous call is one
 * transaction. The functions stand in memory-journal-{start,append,claim,workers}.ts, each under the name of its original in
 * prisma/migrations (…100_journal, …010000_semantics) and with the same parameters, so that the product's own client speaks to
 * both. Equality is proven by the contract suite, which runs on both.
 */

/** Answers of Postgres that are errors, as the client classifies them. */
export class ServerError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Three parallel columns. */
export type Blobs = {
  readonly sha: readonly Buffer[];
  readonly media: readonly (string | null)[];
  readonly bytes: readonly (Buffer | null)[];
};

/** A limiter as requests name it. */
export type LimitSetting = { readonly key: string; readonly max: number; readonly perSeconds?: number };

const iso = (at: number): string => new Date(at).toISOString();

/** store_blobs */
export function storeBlobs(tables: Tables, run: string, blobs: Blobs): void {
  blobs.sha.forEach((sha, i) => {
    const name = sha.toString('hex');
    const bytes = blobs.bytes[i];
    if (bytes) tables.blobs.set(name, bytes);
    if (tables.blobs.has(name)) tables.blobRefs.add(`${run}/${name}`);
  });
}

/** make_limiters */
export function makeLimiters(tables: Tables, settings: readonly LimitSetting[]): void {
  for (const { key, max, perSeconds } of settings)
    if (!tables.limiters.has(key)) tables.limiters.set(key, { max, perSeconds: perSeconds ?? null });
}

/** An event before it has its number. */
export type NewRow = Pick<EventRow, 'kind' | 'stepKey' | 'data'> & Partial<Pick<EventRow, 'epoch' | 'n'>>;

/** Inserts events at the run's end; answers the new last seq. The row's own seq is the caller's to set. */
export function insertEvents(tables: Tables, run: RunTable, events: readonly NewRow[]): number {
  const at = iso(tables.now());
  let seq = run.row.seq;
  for (const { kind, stepKey, data, epoch = null, n = null } of events) {
    seq += 1;
    run.events.push({ seq, kind, stepKey, epoch, n, at, data });
  }
  return seq;
}

/** A step that was just opened. */
export const freshStep = (runId: string, pipelineId: string, key: string): StepRow => ({
  runId,
  pipelineId,
  key,
  state: 'queued',
  epoch: 0,
  n: 0,
  owner: null,
  dueAt: null,
  rungAt: null,
  parkedAt: null,
  stopAt: null,
  attempt: 1,
  crashes: 0,
  limitKey: null,
  priority: 0,
});
