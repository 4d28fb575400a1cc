import { createHash } from 'node:crypto';
import { INLINE_LIMIT, type Json, type StoredValue } from '@switchyard/pipeline';
import type { BlobContent } from './contract.ts';

/*
 * Values of a run as events hold them. One over INLINE_LIMIT bytes lives once in the blob store, by its content, and the
 * event that names it holds its ends. The append that names a blob carries it.
 */

/** A value as an event holds it, and the blob its append must carry, if any. */
export type Packed = { readonly stored: StoredValue; readonly blob: BlobContent | null };

/** Characters of each end that stay readable in the event. */
const END_CHARS = 1_000;

/** Packs a JSON value. */
export function packJson(value: Json): Packed {
  const text = JSON.stringify(value);
  return Buffer.byteLength(text) <= INLINE_LIMIT
    ? { stored: { inline: value }, blob: null }
    : packBlob(text, 'application/json');
}

/** Packs text as it is. */
export function packText(text: string): Packed {
  return Buffer.byteLength(text) <= INLINE_LIMIT
    ? { stored: { inline: text }, blob: null }
    : packBlob(text, 'text/plain');
}

function packBlob(text: string, mediaType: string): Packed {
  const bytes = Buffer.from(text);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const ends = { head: copyOf(wholeSigns(text.slice(0, END_CHARS))), tail: copyOf(wholeSigns(text.slice(-END_CHARS))) };
  return { stored: { blob: { sha256, bytes: bytes.length, mediaType, ...ends } }, blob: { sha256, mediaType, bytes } };
}

/** Postgres refuses half a surrogate pair in jsonb, which a cut may leave. */
const wholeSigns = (text: string): string => text.replace(/^[\uDC00-\uDFFF]|[\uD800-\uDBFF]$/g, '');

/** In V8 a slice keeps the whole text it was cut from alive, and who folds an event keeps its ends for long. */
const copyOf = (text: string): string => Buffer.from(text).toString();
