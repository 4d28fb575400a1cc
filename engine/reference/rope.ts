/*
 * Rotary positions on ADJACENT pairs (x[2i], x[2i+1]), with YaRN when the config has it. Half-split rotation is another
 * model; the weights are not permuted.
 */
import type { ModelConfig, Yarn } from './config.ts';

/** What the positions of a model are made of. @property frequencies (ropeDim / 2) radians per token */
export type Rope = { readonly frequencies: Float64Array; readonly tableScale: number; readonly softmaxScale: number };

/** Cosines and sines of consecutive positions, (tokens, ropeDim / 2) each. */
export type Rotation = { readonly cos: Float64Array; readonly sin: Float64Array };

function correction(yarn: Yarn, dim: number, theta: number, rotations: number): number {
  return (dim * Math.log(yarn.originalPositions / (2 * Math.PI * rotations))) / (2 * Math.log(theta));
}

function mscale(factor: number, m: number): number {
  return factor <= 1 ? 1 : 0.1 * m * Math.log(factor) + 1;
}

/** Frequencies, table multiplier and softmax scale. YaRN applies at every length. */
export function buildRope(config: Pick<ModelConfig, 'ropeDim' | 'nopeDim' | 'ropeTheta' | 'yarn'>): Rope {
  const { ropeDim, ropeTheta, yarn } = config;
  const plainScale = (config.nopeDim + ropeDim) ** -0.5;
  const frequencies = Float64Array.from({ length: ropeDim / 2 }, (_, i) => ropeTheta ** ((-2 * i) / ropeDim));
  if (yarn === null) return { frequencies, tableScale: 1, softmaxScale: plainScale };
  const low = Math.max(0, Math.floor(correction(yarn, ropeDim, ropeTheta, yarn.betaFast)));
  const ceiling = Math.min(ropeDim - 1, Math.ceil(correction(yarn, ropeDim, ropeTheta, yarn.betaSlow)));
  const high = low === ceiling ? ceiling + 0.001 : ceiling;
  for (let i = 0; i < frequencies.length; i++) {
    const ramp = Math.min(1, Math.max(0, (i - low) / (high - low)));
    frequencies[i] = frequencies[i] * (1 - ramp) + (frequencies[i] / yarn.factor) * ramp;
  }
  const all = mscale(yarn.factor, yarn.mscaleAllDim);
  return {
    frequencies,
    tableScale: mscale(yarn.factor, yarn.mscale) / all,
    softmaxScale: plainScale * (yarn.mscaleAllDim === 0 ? 1 : all * all),
  };
}

/** The rotation of positions start … start + tokens − 1 (0 is the first token of the sequence). */
export function rotationAt(rope: Rope, start: number, tokens: number): Rotation {
  const pairs = rope.frequencies.length;
  const cos = new Float64Array(tokens * pairs);
  const sin = new Float64Array(tokens * pairs);
  for (let t = 0; t < tokens; t++) {
    for (let i = 0; i < pairs; i++) {
      const angle = (start + t) * rope.frequencies[i];
      cos[t * pairs + i] = Math.cos(angle) * rope.tableScale;
      sin[t * pairs + i] = Math.sin(angle) * rope.tableScale;
    }
  }
  return { cos, sin };
}

/** Rotates in place the ropeDim floats that begin at `at`, by the rotation of the `token`-th position. */
export function rotate(
  x: Float32Array,
  at: number,
  rotation: Rotation,
  span: { readonly token: number; readonly pairs: number },
): void {
  const base = span.token * span.pairs;
  for (let i = 0; i < span.pairs; i++) {
    const a = x[at + 2 * i];
    const b = x[at + 2 * i + 1];
    const c = rotation.cos[base + i];
    const s = rotation.sin[base + i];
    x[at + 2 * i] = a * c - b * s;
    x[at + 2 * i + 1] = a * s + b * c;
  }
}
