/* All weights of a model as floats, in the order forward() uses them. */
import { CheckpointRefused, isMoeLayer, type ModelConfig } from './config.ts';
import { type Matrix, readFloats, readMatrix } from './matrix.ts';
import type { Checkpoint } from './safetensors.ts';

/** down(silu(gate(x)) ⊙ up(x)): gate and up are (width, hidden), down is (hidden, width). */
export type SwiGlu = { readonly gate: Matrix; readonly up: Matrix; readonly down: Matrix };

/** Feed-forward part of a layer. @property bias (experts) chooses, never weighs; null in the V2 family */
export type FeedForward =
  | { readonly kind: 'dense'; readonly mlp: SwiGlu }
  | {
      readonly kind: 'experts';
      readonly gate: Matrix;
      readonly bias: Float32Array | null;
      readonly experts: readonly SwiGlu[];
      readonly shared: SwiGlu | null;
    };

/** Queries either through a low rank (`down`, `norm`, `up`) or straight. Rows of the last matrix: heads · (nope + rope). */
export type QueryWeights =
  | { readonly kind: 'low-rank'; readonly down: Matrix; readonly norm: Float32Array; readonly up: Matrix }
  | { readonly kind: 'full'; readonly project: Matrix };

/** Multi-head latent attention. `latent` gives [latent | shared rope key]; `expand` is per head [nope rows | value rows] over the latent. */
export type AttentionWeights = {
  readonly query: QueryWeights;
  readonly latent: Matrix;
  readonly latentNorm: Float32Array;
  readonly expand: Matrix;
  /** Per head W_UKᵀ (latentRank, nope): carries a query into the latent space. */
  readonly absorbKey: readonly Matrix[];
  /** Per head W_UV (value, latentRank), views into `expand`. */
  readonly expandValue: readonly Matrix[];
  readonly output: Matrix;
};

/** One decoder layer. */
export type Layer = {
  readonly attentionNorm: Float32Array;
  readonly attention: AttentionWeights;
  readonly feedForwardNorm: Float32Array;
  readonly feedForward: FeedForward;
};

/** A whole model. @property embedding (vocab, hidden) @property head (vocab, hidden) */
export type Weights = {
  readonly embedding: Float32Array;
  readonly layers: readonly Layer[];
  readonly norm: Float32Array;
  readonly head: Matrix;
};

/** Reads every weight the config calls for. @throws CheckpointRefused naming the tensor that is missing, misshapen or unsupported */
export function loadWeights(checkpoint: Checkpoint, config: ModelConfig): Weights {
  const p = config.tensorPrefix;
  if (checkpoint.entries.has(`${p}model.layers.${config.firstMoeLayer}.mlp.experts.gate_up_proj`)) {
    throw new CheckpointRefused(
      `tensor ${p}model.layers.${config.firstMoeLayer}.mlp.experts.gate_up_proj: fused experts are not supported`,
    );
  }
  return {
    embedding: readFloats(checkpoint, `${p}model.embed_tokens.weight`, [config.vocabSize, config.hiddenSize]),
    layers: Array.from({ length: config.layers }, (_, i) => loadLayer(checkpoint, config, i)),
    norm: readFloats(checkpoint, `${p}model.norm.weight`, [config.hiddenSize]),
    head: readMatrix(checkpoint, `${p}lm_head`, config.vocabSize, config.hiddenSize),
  };
}

function loadLayer(checkpoint: Checkpoint, config: ModelConfig, index: number): Layer {
  const prefix = `${config.tensorPrefix}model.layers.${index}.`;
  return {
    attentionNorm: readFloats(checkpoint, `${prefix}input_layernorm.weight`, [config.hiddenSize]),
    attention: loadAttention(checkpoint, config, `${prefix}self_attn.`),
    feedForwardNorm: readFloats(checkpoint, `${prefix}post_attention_layernorm.weight`, [config.hiddenSize]),
    feedForward: isMoeLayer(config, index)
      ? loadExperts(checkpoint, config, `${prefix}mlp.`)
      : { kind: 'dense', mlp: loadSwiGlu(checkpoint, `${prefix}mlp.`, config.hiddenSize, config.denseWidth) },
  };
}

function loadAttention(checkpoint: Checkpoint, config: ModelConfig, prefix: string): AttentionWeights {
  const { hiddenSize, heads, queryRank, latentRank, nopeDim, ropeDim, valueDim } = config;
  const queryRows = heads * (nopeDim + ropeDim);
  const query: QueryWeights =
    queryRank === null
      ? { kind: 'full', project: readMatrix(checkpoint, `${prefix}q_proj`, queryRows, hiddenSize) }
      : {
          kind: 'low-rank',
          down: readMatrix(checkpoint, `${prefix}q_a_proj`, queryRank, hiddenSize),
          norm: readFloats(checkpoint, `${prefix}q_a_layernorm.weight`, [queryRank]),
          up: readMatrix(checkpoint, `${prefix}q_b_proj`, queryRows, queryRank),
        };
  const expand = readMatrix(checkpoint, `${prefix}kv_b_proj`, heads * (nopeDim + valueDim), latentRank);
  return {
    query,
    latent: readMatrix(checkpoint, `${prefix}kv_a_proj_with_mqa`, latentRank + ropeDim, hiddenSize),
    latentNorm: readFloats(checkpoint, `${prefix}kv_a_layernorm.weight`, [latentRank]),
    expand,
    absorbKey: Array.from({ length: heads }, (_, h) => transposed(headRows(expand, h * (nopeDim + valueDim), nopeDim))),
    expandValue: Array.from({ length: heads }, (_, h) =>
      headRows(expand, h * (nopeDim + valueDim) + nopeDim, valueDim),
    ),
    output: readMatrix(checkpoint, `${prefix}o_proj`, hiddenSize, heads * valueDim),
  };
}

function loadExperts(checkpoint: Checkpoint, config: ModelConfig, prefix: string): FeedForward {
  const biasName = `${prefix}gate.e_score_correction_bias`;
  if (config.routing === 'noaux_tc' && !checkpoint.entries.has(biasName))
    throw new CheckpointRefused(`tensor ${biasName} is missing`);
  return {
    kind: 'experts',
    gate: readMatrix(checkpoint, `${prefix}gate`, config.routedExperts, config.hiddenSize),
    bias: checkpoint.entries.has(biasName) ? readFloats(checkpoint, biasName, [config.routedExperts]) : null,
    experts: Array.from({ length: config.routedExperts }, (_, e) =>
      loadSwiGlu(checkpoint, `${prefix}experts.${e}.`, config.hiddenSize, config.expertWidth),
    ),
    shared:
      config.sharedExperts === 0
        ? null
        : loadSwiGlu(
            checkpoint,
            `${prefix}shared_experts.`,
            config.hiddenSize,
            config.sharedExperts * config.expertWidth,
          ),
  };
}

function loadSwiGlu(checkpoint: Checkpoint, prefix: string, hidden: number, width: number): SwiGlu {
  return {
    gate: readMatrix(checkpoint, `${prefix}gate_proj`, width, hidden),
    up: readMatrix(checkpoint, `${prefix}up_proj`, width, hidden),
    down: readMatrix(checkpoint, `${prefix}down_proj`, hidden, width),
  };
}

function headRows(matrix: Matrix, from: number, rows: number): Matrix {
  return {
    rows,
    columns: matrix.columns,
    data: matrix.data.subarray(from * matrix.columns, (from + rows) * matrix.columns),
  };
}

function transposed(matrix: Matrix): Matrix {
  const data = new Float32Array(matrix.data.length);
  for (let r = 0; r < matrix.rows; r++)
    for (let c = 0; c < matrix.columns; c++) data[c * matrix.rows + r] = matrix.data[r * matrix.columns + c];
  return { rows: matrix.columns, columns: matrix.rows, data };
}
