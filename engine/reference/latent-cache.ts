/*
 * What attention remembers of a sequence: per layer and token one row [normed latent | rotated shared key], the same for
 * all heads. This is the whole state of a conversation, so copying rows 0 … n−1 forks it after n tokens.
 */
import type { ModelConfig } from './config.ts';

/** A growing cache; `layers[i]` holds `capacity` rows of `width` floats, of which the first `length` are filled. */
export class LatentCache {
  readonly width: number;
  length = 0;
  #capacity = 0;
  #layers: Float32Array[];

  constructor(config: Pick<ModelConfig, 'layers' | 'latentRank' | 'ropeDim'>) {
    this.width = config.latentRank + config.ropeDim;
    this.#layers = Array.from({ length: config.layers }, () => new Float32Array(0));
  }

  /** Memory held, in bytes. */
  get bytes(): number {
    return this.#layers.length * this.#capacity * this.width * 4;
  }

  /** Rows of one layer, (capacity, width); valid until the next `reserve`. */
  rows(layer: number): Float32Array {
    return this.#layers[layer];
  }

  /** Makes room for `tokens` rows in all; growth doubles, so that decoding copies rarely. */
  reserve(tokens: number): void {
    if (tokens <= this.#capacity) return;
    this.#capacity = Math.max(tokens, 2 * this.#capacity, 64);
    this.#layers = this.#layers.map((old) => {
      const grown = new Float32Array(this.#capacity * this.width);
      grown.set(old.subarray(0, this.length * this.width));
      return grown;
    });
  }

  /** Takes over the first `tokens` rows of another cache of the same model; this one must be empty. */
  copyFrom(other: LatentCache, tokens: number): void {
    this.reserve(tokens);
    for (const [layer, rows] of this.#layers.entries()) rows.set(other.rows(layer).subarray(0, tokens * this.width));
    this.length = tokens;
  }
}
