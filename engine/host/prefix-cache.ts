/*
 * The latent caches of the last conversations. A request takes over the longest common token prefix and computes only the
 * rest; since attention and every product give the same bits however a prompt is cut, a hit never changes a result.
 */

import type { ModelConfig } from '../reference/config.ts';
import { LatentCache } from '../reference/latent-cache.ts';

/** Bounds of the cache; the least recently used conversation goes first. */
export type CacheLimits = { readonly bytes: number; readonly conversations: number };

type Entry = { readonly tokens: readonly number[]; readonly cache: LatentCache };

/** Holds finished sequences; an entry is immutable, requests get copies. */
export class PrefixCache {
  readonly #config: ModelConfig;
  readonly #limits: CacheLimits;
  /** Least recently used first. */
  #entries: Entry[] = [];

  constructor(config: ModelConfig, limits: CacheLimits) {
    this.#config = config;
    this.#limits = limits;
  }

  /** What is held now. */
  get size(): { readonly conversations: number; readonly bytes: number } {
    return {
      conversations: this.#entries.length,
      bytes: this.#entries.reduce((sum, { cache }) => sum + cache.bytes, 0),
    };
  }

  /** A sequence holding the longest known prefix of `tokens`, always short of the last one, whose logits must be computed. */
  open(tokens: readonly number[]): LatentCache {
    let best: Entry | null = null;
    let shared = 0;
    for (const entry of this.#entries) {
      const length = Math.min(commonPrefix(entry.tokens, tokens), tokens.length - 1);
      if (length > shared) [best, shared] = [entry, length];
    }
    const cache = new LatentCache(this.#config);
    if (best !== null) {
      cache.copyFrom(best.cache, shared);
      this.#touch(best);
    }
    return cache;
  }

  /** Gives a finished sequence to the cache, which owns it from now on. @param tokens exactly those the sequence holds */
  keep(tokens: readonly number[], cache: LatentCache): void {
    if (this.#entries.some((entry) => commonPrefix(entry.tokens, tokens) === tokens.length)) return;
    this.#entries = this.#entries.filter((entry) => commonPrefix(entry.tokens, tokens) < entry.tokens.length);
    this.#entries.push({ tokens: [...tokens], cache });
    while (this.#entries.length > 0 && this.#tooLarge()) this.#entries.shift();
  }

  #tooLarge(): boolean {
    const { conversations, bytes } = this.size;
    return conversations > this.#limits.conversations || bytes > this.#limits.bytes;
  }

  #touch(entry: Entry): void {
    this.#entries = [...this.#entries.filter((other) => other !== entry), entry];
  }
}

function commonPrefix(a: readonly number[], b: readonly number[]): number {
  const limit = Math.min(a.length, b.length);
  let n = 0;
  while (n < limit && a[n] === b[n]) n++;
  return n;
}
