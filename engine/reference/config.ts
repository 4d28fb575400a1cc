/*
 * config.json of the Kimi K2 / DeepSeek-V3 family. Every number comes from the file; a field whose meaning this engine
 * does not implement is refused by name, because a silently ignored field gives text that is only slightly wrong.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** The checkpoint cannot be run as it is: a file, field or tensor is missing, malformed or of an unsupported kind. `code` is stable. */
export class CheckpointRefused extends Error {
  readonly code = 'checkpoint_refused';
}

/** YaRN parameters of `rope_scaling`; see `rope.ts` for what each does. */
export type Yarn = {
  readonly factor: number;
  readonly betaFast: number;
  readonly betaSlow: number;
  readonly mscale: number;
  readonly mscaleAllDim: number;
  readonly originalPositions: number;
};

/** Shapes and constants of one model. Widths are counted in floats, positions in tokens. */
export type ModelConfig = {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly firstMoeLayer: number;
  readonly moeLayerFrequency: number;
  readonly denseWidth: number;
  readonly routedExperts: number;
  readonly sharedExperts: number;
  readonly expertsPerToken: number;
  readonly expertWidth: number;
  readonly groups: number;
  readonly topGroups: number;
  readonly routing: 'noaux_tc' | 'greedy' | 'group_limited_greedy';
  readonly scoring: 'sigmoid' | 'softmax';
  readonly normalizeWeights: boolean;
  readonly routedScale: number;
  readonly heads: number;
  readonly queryRank: number | null;
  readonly latentRank: number;
  readonly nopeDim: number;
  readonly ropeDim: number;
  readonly valueDim: number;
  readonly ropeTheta: number;
  readonly yarn: Yarn | null;
  readonly maxPositions: number;
  readonly normEps: number;
  readonly eosTokenIds: readonly number[];
  readonly quantization: 'none' | 'int4-group32';
  /** `language_model.` for checkpoints that wrap the text model, else empty. */
  readonly tensorPrefix: string;
};

const whole = z.number().int().positive();

const ropeSchema = z.looseObject({
  type: z.string().optional(),
  rope_type: z.string().optional(),
  rope_theta: z.number().positive().optional(),
  factor: z.number().positive().optional(),
  beta_fast: z.number().default(32),
  beta_slow: z.number().default(1),
  mscale: z.number().default(1),
  mscale_all_dim: z.number().default(0),
  original_max_position_embeddings: whole.optional(),
});

const weightsSchema = z.looseObject({
  type: z.literal('int'),
  num_bits: z.literal(4),
  strategy: z.literal('group'),
  group_size: z.literal(32),
  symmetric: z.literal(true),
  dynamic: z.literal(false).optional(),
  actorder: z.null().optional(),
});

const quantizationSchema = z.looseObject({
  quant_method: z.literal('compressed-tensors'),
  format: z.literal('pack-quantized'),
  config_groups: z.record(
    z.string(),
    z.looseObject({
      weights: weightsSchema,
      input_activations: z.null().optional(),
      output_activations: z.null().optional(),
    }),
  ),
});

const fileSchema = z.looseObject({
  model_type: z.enum(['kimi_k2', 'deepseek_v3', 'deepseek_v2']),
  vocab_size: whole,
  hidden_size: whole,
  num_hidden_layers: whole,
  first_k_dense_replace: z.number().int().nonnegative(),
  moe_layer_freq: whole.default(1),
  intermediate_size: whole,
  n_routed_experts: whole,
  n_shared_experts: z.number().int().nonnegative(),
  num_experts_per_tok: whole,
  moe_intermediate_size: whole,
  n_group: whole.nullish(),
  topk_group: whole.nullish(),
  topk_method: z.enum(['noaux_tc', 'greedy', 'gready', 'group_limited_greedy']),
  scoring_func: z.enum(['sigmoid', 'softmax']),
  norm_topk_prob: z.boolean(),
  routed_scaling_factor: z.number(),
  num_attention_heads: whole,
  q_lora_rank: whole.nullable(),
  kv_lora_rank: whole,
  qk_nope_head_dim: whole,
  qk_rope_head_dim: whole.multipleOf(2),
  v_head_dim: whole,
  rope_theta: z.number().positive().optional(),
  rope_scaling: ropeSchema.nullish(),
  rope_parameters: ropeSchema.nullish(),
  max_position_embeddings: whole,
  rms_norm_eps: z.number().positive(),
  eos_token_id: z.union([z.number().int(), z.array(z.number().int())]).nullish(),
  tie_word_embeddings: z.literal(false).default(false),
  attention_bias: z.literal(false).default(false),
  hidden_act: z.literal('silu'),
  quantization_config: quantizationSchema.nullish(),
});

/** Reads `config.json` of a checkpoint folder. @throws CheckpointRefused naming the field that is missing or unsupported. */
export function readConfig(folder: string): ModelConfig {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
  } catch (error) {
    throw new CheckpointRefused(
      `config.json cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  return parseConfig(json);
}

/** As `readConfig`, from parsed JSON. A `text_config` wrapper (K2.5 and later) is opened. */
export function parseConfig(json: unknown): ModelConfig {
  const wrapper = z
    .looseObject({ text_config: z.looseObject({}).optional(), quantization_config: z.unknown().optional() })
    .safeParse(json);
  const wrapped = wrapper.success ? wrapper.data.text_config : undefined;
  const text = wrapped === undefined ? json : { quantization_config: wrapper.data?.quantization_config, ...wrapped };
  const parsed = fileSchema.safeParse(text);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new CheckpointRefused(`config.json holds fields this engine does not run: ${lines.join('; ')}`);
  }
  const file = parsed.data;
  const rope = file.rope_parameters ?? file.rope_scaling ?? null;
  const theta = file.rope_theta ?? rope?.rope_theta;
  if (theta === undefined) throw new CheckpointRefused('config.json: rope_theta is missing');
  return {
    vocabSize: file.vocab_size,
    hiddenSize: file.hidden_size,
    layers: file.num_hidden_layers,
    firstMoeLayer: file.first_k_dense_replace,
    moeLayerFrequency: file.moe_layer_freq,
    denseWidth: file.intermediate_size,
    routedExperts: file.n_routed_experts,
    sharedExperts: file.n_shared_experts,
    expertsPerToken: file.num_experts_per_tok,
    expertWidth: file.moe_intermediate_size,
    groups: file.n_group ?? 1,
    topGroups: file.topk_group ?? 1,
    routing: file.topk_method === 'gready' ? 'greedy' : file.topk_method,
    scoring: file.scoring_func,
    normalizeWeights: file.norm_topk_prob,
    routedScale: file.routed_scaling_factor,
    heads: file.num_attention_heads,
    queryRank: file.q_lora_rank,
    latentRank: file.kv_lora_rank,
    nopeDim: file.qk_nope_head_dim,
    ropeDim: file.qk_rope_head_dim,
    valueDim: file.v_head_dim,
    ropeTheta: theta,
    yarn: readYarn(rope),
    maxPositions: file.max_position_embeddings,
    normEps: file.rms_norm_eps,
    eosTokenIds: typeof file.eos_token_id === 'number' ? [file.eos_token_id] : (file.eos_token_id ?? []),
    quantization: file.quantization_config ? 'int4-group32' : 'none',
    tensorPrefix: wrapped === undefined ? '' : 'language_model.',
  };
}

/** True when layer `index` routes to experts, false when its feed-forward part is dense. */
export function isMoeLayer(config: ModelConfig, index: number): boolean {
  return index >= config.firstMoeLayer && index % config.moeLayerFrequency === 0;
}

function readYarn(rope: z.infer<typeof ropeSchema> | null): Yarn | null {
  const kind = rope?.rope_type ?? rope?.type ?? 'default';
  if (rope === null || kind === 'default') return null;
  if (kind !== 'yarn') throw new CheckpointRefused(`config.json: rope_scaling of type ${kind} is not supported`);
  if (rope.factor === undefined || rope.original_max_position_embeddings === undefined) {
    throw new CheckpointRefused('config.json: rope_scaling lacks factor or original_max_position_embeddings');
  }
  return {
    factor: rope.factor,
    betaFast: rope.beta_fast,
    betaSlow: rope.beta_slow,
    mscale: rope.mscale,
    mscaleAllDim: rope.mscale_all_dim,
    originalPositions: rope.original_max_position_embeddings,
  };
}
