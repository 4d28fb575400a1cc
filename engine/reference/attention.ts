/*
 * Multi-head latent attention, twice. `naive` expands keys and values of every head from the latent, as the paper writes it.
 * `absorbed` carries the queries into the latent space instead, so that all heads share one key of latentRank + ropeDim floats
 * and nothing is ever expanded. Both give the same numbers up to rounding (a test); the engine uses the absorbed form for
 * prefill too, so that no result depends on where a prompt was cut into chunks.
 */
import type { ModelConfig } from './config.ts';
import type { LatentCache } from './latent-cache.ts';
import { linear, weightedSum } from './linear.ts';
import { rmsNorm } from './norm.ts';
import { type Rope, type Rotation, rotate } from './rope.ts';
import type { AttentionWeights, QueryWeights } from './weights.ts';

/** Everything one attention call needs beside its input. The cache already has room; `start` rows are filled. */
export type AttentionCall = {
  readonly config: ModelConfig;
  readonly weights: AttentionWeights;
  readonly rope: Rope;
  readonly rotation: Rotation;
  readonly cache: LatentCache;
  readonly layer: number;
  readonly start: number;
  readonly tokens: number;
};

/** Which arithmetic; see the file's header. */
export type AttentionForm = 'absorbed' | 'naive';

/** Appends the tokens to the cache's layer and attends causally. @param x (tokens, hidden), normed @returns (tokens, hidden) */
export function attend(call: AttentionCall, form: AttentionForm, x: Float32Array): Float32Array {
  const { config, weights, tokens } = call;
  const q = queries(call, x);
  rememberTokens(call, x);
  const heads = form === 'absorbed' ? absorbed(call, q) : naive(call, q);
  const out = new Float32Array(tokens * config.hiddenSize);
  linear(weights.output, heads, tokens, out);
  return out;
}

/** q = W_qb · RMSNorm(W_qa · x), rotated. @returns (tokens, heads, nope + rope) */
function queries(call: AttentionCall, x: Float32Array): Float32Array {
  const { config, tokens, rotation } = call;
  const width = config.nopeDim + config.ropeDim;
  const q = new Float32Array(tokens * config.heads * width);
  projectQueries(call.weights.query, config, x, q);
  const pairs = config.ropeDim / 2;
  for (let t = 0; t < tokens; t++) {
    for (let h = 0; h < config.heads; h++)
      rotate(q, (t * config.heads + h) * width + config.nopeDim, rotation, { token: t, pairs });
  }
  return q;
}

function projectQueries(weights: QueryWeights, config: ModelConfig, x: Float32Array, q: Float32Array): void {
  const tokens = x.length / config.hiddenSize;
  if (weights.kind === 'full') return linear(weights.project, x, tokens, q);
  const low = new Float32Array(tokens * weights.down.rows);
  linear(weights.down, x, tokens, low);
  linear(weights.up, rmsNorm(low, weights.norm, config.normEps), tokens, q);
}

/** [c | k_pe] = W_kva · x; the row kept is [RMSNorm(c) | rotated k_pe]. */
function rememberTokens(call: AttentionCall, x: Float32Array): void {
  const { config, weights, tokens, rotation, cache, start } = call;
  const { latentRank, ropeDim } = config;
  const width = latentRank + ropeDim;
  const fresh = new Float32Array(tokens * width);
  linear(weights.latent, x, tokens, fresh);
  const rows = cache.rows(call.layer);
  for (let t = 0; t < tokens; t++) {
    const row = fresh.subarray(t * width, (t + 1) * width);
    rotate(row, latentRank, rotation, { token: t, pairs: ropeDim / 2 });
    rows.set(rmsNorm(row.subarray(0, latentRank), weights.latentNorm, config.normEps), (start + t) * width);
    rows.set(row.subarray(latentRank), (start + t) * width + latentRank);
  }
}

/** @param q (tokens, heads, nope + rope) @returns (tokens, heads · value) */
function absorbed(call: AttentionCall, q: Float32Array): Float32Array {
  const { config, tokens, start, cache } = call;
  const { heads, latentRank } = config;
  const count = start + tokens;
  const keys = { rows: count, columns: cache.width, data: cache.rows(call.layer) };
  const scores = new Float32Array(tokens * heads * count); // (tokens, heads, keys)
  linear(keys, latentQueries(call, q), tokens * heads, scores);
  for (let t = 0; t < tokens; t++) {
    for (let h = 0; h < heads; h++)
      softmaxRow(
        scores.subarray((t * heads + h) * count, (t * heads + h + 1) * count),
        start + t + 1,
        call.rope.softmaxScale,
      );
  }
  const mixed = new Float32Array(tokens * heads * latentRank); // (tokens, heads, latentRank)
  weightedSum(scores, { data: keys.data, stride: cache.width, width: latentRank }, count, mixed);
  return expandValues(call, mixed);
}

/** q̃_h = [W_UK,hᵀ · q_nope,h | q_pe,h]. @returns (tokens, heads, latentRank + rope) */
function latentQueries(call: AttentionCall, q: Float32Array): Float32Array {
  const { config, weights, tokens } = call;
  const { heads, nopeDim, ropeDim, latentRank } = config;
  const from = nopeDim + ropeDim;
  const to = latentRank + ropeDim;
  const out = new Float32Array(tokens * heads * to);
  const nope = new Float32Array(tokens * nopeDim);
  const latent = new Float32Array(tokens * latentRank);
  for (let h = 0; h < heads; h++) {
    for (let t = 0; t < tokens; t++)
      nope.set(q.subarray((t * heads + h) * from, (t * heads + h) * from + nopeDim), t * nopeDim);
    linear(weights.absorbKey[h], nope, tokens, latent);
    for (let t = 0; t < tokens; t++) {
      const row = t * heads + h;
      out.set(latent.subarray(t * latentRank, (t + 1) * latentRank), row * to);
      out.set(q.subarray(row * from + nopeDim, (row + 1) * from), row * to + latentRank);
    }
  }
  return out;
}

/** o_h = W_UV,h · õ_h. @param mixed (tokens, heads, latentRank) @returns (tokens, heads · value) */
function expandValues(call: AttentionCall, mixed: Float32Array): Float32Array {
  const { config, weights, tokens } = call;
  const { heads, latentRank, valueDim } = config;
  const out = new Float32Array(tokens * heads * valueDim);
  const latent = new Float32Array(tokens * latentRank);
  const value = new Float32Array(tokens * valueDim);
  for (let h = 0; h < heads; h++) {
    for (let t = 0; t < tokens; t++)
      latent.set(mixed.subarray((t * heads + h) * latentRank, (t * heads + h + 1) * latentRank), t * latentRank);
    linear(weights.expandValue[h], latent, tokens, value);
    for (let t = 0; t < tokens; t++)
      out.set(value.subarray(t * valueDim, (t + 1) * valueDim), (t * heads + h) * valueDim);
  }
  return out;
}

/** @param q (tokens, heads, nope + rope) @returns (tokens, heads · value) */
function naive(call: AttentionCall, q: Float32Array): Float32Array {
  const { config, weights, tokens, start, cache } = call;
  const { heads, latentRank, valueDim } = config;
  const count = start + tokens;
  const rows = cache.rows(call.layer);
  const latent = new Float32Array(count * latentRank);
  for (let s = 0; s < count; s++) {
    latent.set(rows.subarray(s * cache.width, s * cache.width + latentRank), s * latentRank);
  }
  const kv = new Float32Array(count * weights.expand.rows); // (keys, heads, nope + value)
  linear(weights.expand, latent, count, kv);
  const out = new Float32Array(tokens * heads * valueDim);
  for (let t = 0; t < tokens; t++) {
    for (let h = 0; h < heads; h++) {
      const p = naiveScores(call, { q, kv, t, h });
      softmaxRow(p, p.length, call.rope.softmaxScale);
      out.set(naiveValues(config, kv, h, p), (t * heads + h) * valueDim);
    }
  }
  return out;
}

/** One query of one head against its expanded keys. */
type NaiveQuery = { readonly q: Float32Array; readonly kv: Float32Array; readonly t: number; readonly h: number };

/** s = q_nope · k_nope + q_pe · k_pe, for every key up to the token itself. @returns (start + t + 1) */
function naiveScores({ config, cache, layer, start }: AttentionCall, { q, kv, t, h }: NaiveQuery): Float32Array {
  const { heads, nopeDim, ropeDim, valueDim, latentRank } = config;
  const rows = cache.rows(layer);
  const qAt = (t * heads + h) * (nopeDim + ropeDim);
  return Float32Array.from({ length: start + t + 1 }, (_, s) => {
    const kAt = (s * heads + h) * (nopeDim + valueDim);
    let score = 0;
    for (let d = 0; d < nopeDim; d++) score += q[qAt + d] * kv[kAt + d];
    for (let d = 0; d < ropeDim; d++) score += q[qAt + nopeDim + d] * rows[s * cache.width + latentRank + d];
    return score;
  });
}

/** o = Σ p v over the expanded values of head h. @param p (keys) @returns (value) */
function naiveValues(config: ModelConfig, kv: Float32Array, h: number, p: Float32Array): Float32Array {
  const { heads, nopeDim, valueDim } = config;
  return Float32Array.from({ length: valueDim }, (_, d) => {
    let sum = 0;
    for (let s = 0; s < p.length; s++) sum += p[s] * kv[(s * heads + h) * (nopeDim + valueDim) + nopeDim + d];
    return sum;
  });
}

/** Far below float rounding of the sum; kept out because subnormal floats make the loops that read them several times slower. */
const NEGLIGIBLE = 1e-30;

/** Softmax of the first `visible` scores times `scale`, in place; what lies beyond is the future and becomes 0. */
function softmaxRow(scores: Float32Array, visible: number, scale: number): void {
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < visible; i++) if (scores[i] > max) max = scores[i];
  let sum = 0;
  for (let i = 0; i < visible; i++) {
    const power = Math.exp((scores[i] - max) * scale);
    scores[i] = power < NEGLIGIBLE ? 0 : power;
    sum += power;
  }
  for (let i = 0; i < visible; i++) scores[i] /= sum;
  scores.fill(0, visible);
}
