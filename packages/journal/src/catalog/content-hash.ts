import { createHash } from 'node:crypto';
import type { PipelineDocument } from '@switchyard/pipeline';

/** JSON with the keys of every object sorted: equal values give equal text. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  const sorted = fields.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`).join(',')}}`;
}

/**
 * sha-256, hex, of a document's canonical JSON: the same drawing has the same hash whoever wrote its keys in which order. The
 * revisions it calls are part of what it does, so they are part of the hash where there are any.
 */
export function contentHash(document: PipelineDocument, pins: Readonly<Record<string, string>> = {}): string {
  const hash = createHash('sha256').update(canonical(document));
  return (Object.keys(pins).length === 0 ? hash : hash.update(canonical(pins))).digest('hex');
}

/** sha-256 of a token or key, as it is stored. */
export const tokenHash = (token: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(createHash('sha256').update(token).digest());
