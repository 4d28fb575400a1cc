import type { BlobContent, Journal } from '@switchyard/journal';
import { Json, type StoredValue } from '@switchyard/pipeline';

/* Values of a run, out of events: small ones stand there, large ones are blobs. The journal's `packJson` puts them in. */

/** Bytes of blobs kept in memory. */
const CACHE_BYTES = 64 * 1024 * 1024;

/** Blobs whose JSON is kept too, unless they are larger: every iteration of a loop looks at the same list. */
const PARSED = 16;
const PARSED_BYTES = 8 * 1024 * 1024;

/** Reads stored values; keeps the blobs it has read, least recently used ones go first. */
export class ValueReader {
  readonly #journal: Pick<Journal, 'blob'>;
  readonly #kept = new Map<string, Buffer>();
  readonly #parsed = new Map<string, Json>();
  #keptBytes = 0;

  constructor(journal: Pick<Journal, 'blob'>) {
    this.#journal = journal;
  }

  /**
   * The JSON of a stored value, which must not be changed: others are given the same. Rejects when its blob is gone, which only
   * retention of whole runs may bring about.
   */
  async json(value: StoredValue): Promise<Json> {
    if ('inline' in value) return value.inline;
    const { sha256, bytes } = value.blob;
    const known = this.#parsed.get(sha256);
    this.#parsed.delete(sha256);
    const json = known ?? Json.parse(JSON.parse((await this.#blob(sha256)).toString()));
    if (bytes <= PARSED_BYTES) this.#parsed.set(sha256, json);
    for (const oldest of this.#parsed.keys()) {
      if (this.#parsed.size <= PARSED) break;
      this.#parsed.delete(oldest);
    }
    return json;
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
