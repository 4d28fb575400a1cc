import type { BlobContent, Journal } from '@switchyard/journal';
import { Json, type StoredValue } from '@switchyard/pipeline';

/* Values of a run, out of events: small ones stand there, large ones are blobs. The journal's `packJson` puts them in. */

/** Bytes of blobs kept in memory: what was just written or read is read again soon or never. */
const CACHE_BYTES = 16 * 1024 * 1024;

/**
 * Blobs whose JSON is kept too: every iteration of a loop looks at the same list. Counted by the bytes of their text, of
 * which their objects take a few times as many.
 */
const PARSED_BYTES = 8 * 1024 * 1024;

/** Reads stored values; keeps the blobs it has read, least recently used ones go first. */
export class ValueReader {
  readonly #journal: Pick<Journal, 'blob'>;
  readonly #kept = new Map<string, Buffer>();
  readonly #parsed = new Map<string, { readonly json: Json; readonly bytes: number }>();
  /** Blobs that had to go while an append that will write them is under way: as long as it holds them they can be read. */
  readonly #gone = new Map<string, WeakRef<Buffer>>();
  readonly #collected = new FinalizationRegistry<string>((sha256) => {
    if (this.#gone.get(sha256)?.deref() === undefined) this.#gone.delete(sha256);
  });
  #keptBytes = 0;
  #parsedBytes = 0;

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
    const json = known?.json ?? Json.parse(JSON.parse((await this.#blob(sha256)).toString()));
    this.#keepParsed(sha256, json, bytes);
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
    const bytes = this.#gone.get(sha256)?.deref() ?? (await this.#journal.blob(sha256));
    if (bytes === null) throw new Error(`The blob ${sha256} is not in the journal.`);
    this.#keep(sha256, bytes);
    return bytes;
  }

  #keepParsed(sha256: string, json: Json, bytes: number): void {
    if (bytes > PARSED_BYTES) return;
    if (this.#parsed.delete(sha256)) this.#parsedBytes -= bytes;
    this.#parsed.set(sha256, { json, bytes });
    this.#parsedBytes += bytes;
    for (const [oldest, held] of this.#parsed) {
      if (this.#parsedBytes <= PARSED_BYTES) return;
      this.#parsed.delete(oldest);
      this.#parsedBytes -= held.bytes;
    }
  }

  #keep(sha256: string, bytes: Buffer): void {
    // two that missed the same blob both bring it: it counts once
    this.#keptBytes += bytes.length - (this.#kept.get(sha256)?.length ?? 0);
    this.#kept.set(sha256, bytes);
    for (const [oldest, held] of this.#kept) {
      // one alone stays however large it is: it may be the list of a loop
      if (this.#keptBytes <= CACHE_BYTES || this.#kept.size === 1) return;
      this.#kept.delete(oldest);
      this.#keptBytes -= held.length;
      this.#gone.set(oldest, new WeakRef(held));
      this.#collected.register(held, oldest);
    }
  }
}
