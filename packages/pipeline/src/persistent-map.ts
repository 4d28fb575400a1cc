/*
 * A map that is never changed: `with` gives a new one that shares all but the path to the changed entry. A run of
 * n steps is folded event by event, and copying a plain map for each would cost n². A trie over key hashes, 32 wide.
 */

const BITS = 5;
const WIDTH = 1 << BITS;
const MASK = WIDTH - 1;

type Bucket<V> = readonly (readonly [key: string, value: V])[];
type Trie<V> =
  | { readonly leaf: true; readonly bucket: Bucket<V> }
  | { readonly leaf: false; readonly children: readonly (Trie<V> | undefined)[] };

/** An immutable string map with O(log n) `with`. Iteration order is not specified. */
export class PersistentMap<V> implements Iterable<readonly [string, V]> {
  /** Number of entries. */
  readonly size: number;
  readonly #root: Trie<V> | undefined;

  private constructor(size: number, root: Trie<V> | undefined) {
    this.size = size;
    this.#root = root;
  }

  /** A map with nothing in it. */
  static empty<V>(): PersistentMap<V> {
    return new PersistentMap<V>(0, undefined);
  }

  /** The value of a key, or undefined. */
  get(key: string): V | undefined {
    const hash = hashOf(key);
    let at = this.#root;
    for (let shift = 0; at !== undefined && !at.leaf; shift += BITS) at = at.children[(hash >>> shift) & MASK];
    return at?.bucket.find(([held]) => held === key)?.[1];
  }

  /** Whether a key is there. */
  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** The same map with one entry set; this one stays as it is. */
  with(key: string, value: V): PersistentMap<V> {
    const size = this.has(key) ? this.size : this.size + 1;
    return new PersistentMap(size, insert(this.#root, [key, value], hashOf(key), 0));
  }

  /** The same map without one entry; this one stays as it is. */
  without(key: string): PersistentMap<V> {
    if (!this.has(key)) return this;
    return new PersistentMap(this.size - 1, remove(this.#root, key, hashOf(key), 0));
  }

  /** All keys. */
  keys(): string[] {
    return [...this].map(([key]) => key);
  }

  /** All values. */
  values(): V[] {
    return [...this].map(([, value]) => value);
  }

  /** The entries as a plain object, for reading by key and for JSON. */
  toJSON(): Readonly<Record<string, V>> {
    return Object.assign(Object.create(null), Object.fromEntries(this));
  }

  *[Symbol.iterator](): Generator<readonly [string, V]> {
    if (this.#root !== undefined) yield* entries(this.#root);
  }
}

function* entries<V>(trie: Trie<V>): Generator<readonly [string, V]> {
  if (trie.leaf) yield* trie.bucket;
  else for (const child of trie.children) if (child !== undefined) yield* entries(child);
}

function insert<V>(trie: Trie<V> | undefined, entry: readonly [string, V], hash: number, shift: number): Trie<V> {
  if (trie === undefined) return { leaf: true, bucket: [entry] };
  if (!trie.leaf) {
    const slot = (hash >>> shift) & MASK;
    return { leaf: false, children: trie.children.with(slot, insert(trie.children[slot], entry, hash, shift + BITS)) };
  }
  const others = trie.bucket.filter(([key]) => key !== entry[0]);
  if (others.length === 0 || shift >= 30) return { leaf: true, bucket: [...others, entry] };
  const children: (Trie<V> | undefined)[] = Array.from({ length: WIDTH }, () => undefined);
  const split = others.reduce<Trie<V>>((into, other) => insert(into, other, hashOf(other[0]), shift), {
    leaf: false,
    children,
  });
  return insert(split, entry, hash, shift);
}

function remove<V>(trie: Trie<V> | undefined, key: string, hash: number, shift: number): Trie<V> | undefined {
  if (trie === undefined) return undefined;
  if (trie.leaf) {
    const bucket = trie.bucket.filter(([held]) => held !== key);
    return bucket.length === 0 ? undefined : { leaf: true, bucket };
  }
  const slot = (hash >>> shift) & MASK;
  const children = trie.children.with(slot, remove(trie.children[slot], key, hash, shift + BITS));
  // An empty branch goes, so that a map that shrank again is as small as it was.
  return children.every((child) => child === undefined) ? undefined : { leaf: false, children };
}

/** FNV-1a over UTF-16 units, as an unsigned 32-bit number. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
