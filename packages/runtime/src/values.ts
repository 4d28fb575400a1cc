import { createHash } from 'node:crypto';
import type { BlobContent, Journal } from '@switchyard/journal';
import { INLINE_LIMIT, Json, type StoredValue } from '@switchyard/pipeline';

/*
 * Values of a run, in and out of events. A value over INLINE_LIMIT bytes lives once in the blob store, by its content,
 * and the event that names it holds its ends. The append that names a blob carries it.
 */

/** A value as an event holds it, and the blob its append must carry, if any. */
export type Packed = { readonly stored: StoredValue; readonly blob: BlobContent | null };

/** Characters of each end that stay readable in the event. */
const END_CHARS = 1_000;
/** Bytes of blobs kept in memory. */
const CACHE_BYTES = 64 * 1024 * 1024;

/** Packs a JSON value. */
export function packJson(value: Json): Packed {
  const text = JSON.stringify(value);
  return Buffer.byteLength(text) <= INLINE_LIMIT
    ? { stored: { inline: value }, blob: null }
    : packBlob(text, 'application/json');
}

/** Packs text, for `unpackText`. */
export function packText(text: string): Packed {
  return Buffer.byteLength(text) <= INLINE_LIMIT
    ? { stored: { inline: text }, blob: null }
    : packBlob(text, 'text/plain');
}

function packBlob(text: string, mediaType: string): Packed {
  const bytes = Buffer.from(text);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const ends = { head: wholeSigns(text.slice(0, END_CHARS)), tail: wholeSigns(text.slice(-END_CHARS)) };
  return { stored: { blob: { sha256, bytes: bytes.length, mediaType, ...ends } }, blob: { sha256, mediaType, bytes } };
}

/** Postgres refuses half a surrogate pair in jsonb, which a cut may leave. */
const wholeSigns = (text: string): string => text.replace(/^[\uDC00-\uDFFF]|[\uD800-\uDBFF]$/g, '');

/** Reads stored values; keeps the blobs it has read, least recently used ones go first. */
export class ValueReader {
  readonly #journal: Pick<Journal, 'blob'>;
  readonly #kept = new Map<string, Buffer>();
  #keptBytes = 0;

  constructor(journal: Pick<Journal, 'blob'>) {
    this.#journal = journal;
  }

  /** The JSON of a stored value. Rejects when its blob is gone, which only retention of whole runs may bring about. */
  async json(value: StoredValue): Promise<Json> {
    return 'inline' in value ? value.inline : Json.parse(JSON.parse((await this.#blob(value.blob.sha256)).toString()));
  }

  /** The text of a value packed by `packText`. */
  async text(value: StoredValue): Promise<string> {
    if ('blob' in value) return (await this.#blob(value.blob.sha256)).toString();
    return typeof value.inline === 'string' ? value.inline : JSON.stringify(value.inline);
  }

  /** Keeps a blob that is about to be written, so that it can be read before it is. */
  remember(blob: BlobContent): void {
    if (!this.#kept.has(blob.sha256)) this.#keep(blob.sha256, blob.bytes);
  }

  async #blob(sha256: string): Promise<Buffer> {
    const kept = this.#kept.get(sha256);
    if (kept) {
      this.#kept.delete(sha256);
      this.#kept.set(sha256, kept);
      return kept;
    }
    const bytes = await this.#journal.blob(sha256);
    if (bytes === null) throw new Error(`The blob ${sha256} is not in the journal.`);
    this.#keep(sha256, bytes);
    return bytes;
  }

  #keep(sha256: string, bytes: Buffer): void {
    this.#kept.set(sha256, bytes);
    this.#keptBytes += bytes.length;
    for (const [oldest, held] of this.#kept) {
      if (this.#keptBytes <= CACHE_BYTES) return;
      this.#kept.delete(oldest);
      this.#keptBytes -= held.length;
    }
  }
}
