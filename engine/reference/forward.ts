/* The forward pass, top to bottom. */
import { type AttentionForm, attend } from './attention.ts';
import { type ModelConfig, readConfig } from './config.ts';
import { feedForward } from './experts.ts';
import { LatentCache } from './latent-cache.ts';
import { linear } from './linear.ts';
import { rmsNorm } from './norm.ts';
import { buildRope, type Rope, rotationAt } from './rope.ts';
import { openCheckpoint } from './safetensors.ts';
import { loadWeights, type Weights } from './weights.ts';

/** A loaded model: immutable, shared by all sequences. */
export type Model = { readonly config: ModelConfig; readonly weights: Weights; readonly rope: Rope };

/** Loads a checkpoint folder. @throws CheckpointRefused when it cannot be run exactly */
export function loadModel(folder: string): Model {
  const config = readConfig(folder);
  return { config, weights: loadWeights(openCheckpoint(folder), config), rope: buildRope(config) };
}

/** An empty sequence of this model. */
export function openSequence(model: Model): LatentCache {
  return new LatentCache(model.config);
}

/**
 * Appends tokens to a sequence. @returns the hidden state of the LAST token, (hidden), ready for `logitsOf`.
 * The caller keeps cache.length + tokens within maxPositions and every id below vocabSize.
 */
export function forward(
  model: Model,
  cache: LatentCache,
  tokens: readonly number[],
  form: AttentionForm = 'absorbed',
): Float32Array {
  const { config, weights, rope } = model;
  const { hiddenSize } = config;
  const start = cache.length;
  cache.reserve(start + tokens.length);
  const rotation = rotationAt(rope, start, tokens.length);
  const h = new Float32Array(tokens.length * hiddenSize); // (tokens, hidden), the residual stream
  for (const [t, id] of tokens.entries()) {
    h.set(weights.embedding.subarray(id * hiddenSize, (id + 1) * hiddenSize), t * hiddenSize);
  }
  weights.layers.forEach((layer, index) => {
    const call = {
      config,
      weights: layer.attention,
      rope,
      rotation,
      cache,
      layer: index,
      start,
      tokens: tokens.length,
    };
    add(h, attend(call, form, rmsNorm(h, layer.attentionNorm, config.normEps)));
    add(h, feedForward(layer.feedForward, config, rmsNorm(h, layer.feedForwardNorm, config.normEps)));
  });
  cache.length = start + tokens.length;
  return rmsNorm(h.subarray(h.length - hiddenSize), weights.norm, config.normEps);
}

/** Logits of the token after a hidden state. @param hidden (hidden) @returns (vocab) */
export function logitsOf(model: Model, hidden: Float32Array): Float32Array {
  const out = new Float32Array(model.config.vocabSize);
  linear(model.weights.head, hidden, 1, out);
  return out;
}

function add(into: Float32Array, what: Float32Array): void {
  for (let i = 0; i < into.length; i++) into[i] += what[i];
}
