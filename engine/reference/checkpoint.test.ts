import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CheckpointRefused, isMoeLayer, parseConfig } from './config.ts';
import { bfloat16ToFloat32, readMatrix, unpackInt4 } from './matrix.ts';
import { openCheckpoint, readHeader } from './safetensors.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'checkpoint-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(header: unknown, data = 8): string {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const file = join(folder, 'model.safetensors');
  writeFileSync(file, Buffer.concat([length, json, Buffer.alloc(data, 1)]));
  return file;
}

const pair = (begin: number, end: number) => ({ dtype: 'F32', shape: [1], data_offsets: [begin, end] });

describe('safetensors header', () => {
  it('reads a good one', () => {
    expect([...readHeader(write({ __metadata__: { format: 'pt' }, a: pair(0, 4), b: pair(4, 8) })).keys()]).toEqual([
      'a',
      'b',
    ]);
  });

  it.each([
    ['overlap', { a: pair(0, 4), b: { dtype: 'F32', shape: [1], data_offsets: [2, 6] } }, /overlap/],
    ['beyond the file', { a: { dtype: 'F32', shape: [3], data_offsets: [0, 12] } }, /beyond the file/],
    ['wrong product', { a: { dtype: 'F32', shape: [2], data_offsets: [0, 4] } }, /does not fill/],
    ['overflowing product', { a: { dtype: 'F32', shape: [2 ** 40, 2 ** 40], data_offsets: [0, 4] } }, /does not fill/],
    ['negative size', { a: { dtype: 'F32', shape: [-1], data_offsets: [0, 4] } }, /malformed/],
    ['reversed offsets', { a: { dtype: 'F32', shape: [1], data_offsets: [4, 0] } }, /does not fill/],
    ['unknown dtype', { a: { dtype: 'F4', shape: [1], data_offsets: [0, 4] } }, /unknown dtype/],
    ['not JSON', '{', /not JSON/],
    ['not an object', '[]', /not an object/],
  ])('refuses: %s', (_, header, message) => {
    const file = write(header);
    expect(() => readHeader(file)).toThrow(CheckpointRefused);
    expect(() => readHeader(file)).toThrow(message);
  });

  it('refuses a header longer than the file or than 100 MiB, and a file without one', () => {
    const file = join(folder, 'x');
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(50n);
    writeFileSync(file, length);
    expect(() => readHeader(file)).toThrow(/beyond the file/);
    length.writeBigUInt64LE(2n ** 60n);
    writeFileSync(file, length);
    expect(() => readHeader(file)).toThrow(/over 100 MiB/);
    writeFileSync(file, 'abc');
    expect(() => readHeader(file)).toThrow(/too short/);
  });

  it('refuses a shard name that leaves the folder', () => {
    writeFileSync(
      join(folder, 'model.safetensors.index.json'),
      JSON.stringify({ weight_map: { a: '../a.safetensors' } }),
    );
    expect(() => openCheckpoint(folder)).toThrow(/leaves the folder/);
  });
});

describe('INT4', () => {
  const scale = Float32Array.of(2);
  it.each([
    ['-8 … -1', 0x76543210, [-8, -7, -6, -5, -4, -3, -2, -1]],
    ['0 … 7', -19088744, [0, 1, 2, 3, 4, 5, 6, 7]],
    ['zeros', 0x88888888 | 0, [0, 0, 0, 0, 0, 0, 0, 0]],
  ])('unpacks %s, lowest nibble first', (_, word, codes) => {
    expect([...unpackInt4(Int32Array.of(word), scale, { rows: 1, columns: 8 })]).toEqual(codes.map((code) => code * 2));
  });

  it('takes one scale for 32 columns of a row', () => {
    const out = unpackInt4(new Int32Array(16).fill(0x99999999 | 0), Float32Array.of(1, 2, 3, 4), {
      rows: 2,
      columns: 64,
    });
    expect([out[0], out[31], out[32], out[63], out[64], out[127]]).toEqual([1, 1, 2, 2, 3, 4]);
  });

  it.each(['weight_zero_point', 'weight_g_idx', 'weight_scale_inv'])("refuses %s by the tensor's name", (suffix) => {
    write({ [`m.${suffix}`]: pair(0, 4) });
    expect(() => readMatrix(openCheckpoint(folder), 'm', 1, 1)).toThrow(`m.${suffix}`);
  });

  it('names a missing tensor and a wrong shape', () => {
    write({ 'm.weight': pair(0, 4) });
    expect(() => readMatrix(openCheckpoint(folder), 'n', 1, 1)).toThrow('n.weight is missing');
    expect(() => readMatrix(openCheckpoint(folder), 'm', 2, 1)).toThrow('m.weight has shape [1]');
  });
});

it('BF16 is the upper half of a float', () => {
  expect([...bfloat16ToFloat32(Uint8Array.of(0x80, 0x3f, 0x00, 0xc0))]).toEqual([1, -2]);
});

const base = {
  model_type: 'kimi_k2',
  vocab_size: 8,
  hidden_size: 8,
  num_hidden_layers: 3,
  first_k_dense_replace: 1,
  moe_layer_freq: 1,
  intermediate_size: 8,
  n_routed_experts: 384,
  n_shared_experts: 1,
  num_experts_per_tok: 2,
  moe_intermediate_size: 8,
  topk_method: 'noaux_tc',
  scoring_func: 'sigmoid',
  norm_topk_prob: true,
  routed_scaling_factor: 1,
  num_attention_heads: 2,
  q_lora_rank: null,
  kv_lora_rank: 4,
  qk_nope_head_dim: 4,
  qk_rope_head_dim: 4,
  v_head_dim: 4,
  rope_theta: 1e4,
  rope_scaling: null,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  hidden_act: 'silu',
};

describe('config', () => {
  it('opens a text_config wrapper and reads rope_parameters', () => {
    const { rope_theta: _, ...rest } = base;
    const config = parseConfig({
      model_type: 'kimi_k25',
      text_config: { ...rest, rope_parameters: { rope_type: 'default', rope_theta: 7 } },
    });
    expect([config.ropeTheta, config.tensorPrefix, config.groups, config.routedExperts]).toEqual([
      7,
      'language_model.',
      1,
      384,
    ]);
    expect([0, 1, 2].map((i) => isMoeLayer(config, i))).toEqual([false, true, true]);
  });

  it('reads "gready" as greedy', () => {
    expect(parseConfig({ ...base, topk_method: 'gready' }).routing).toBe('greedy');
  });

  it.each([
    ['tied embeddings', { tie_word_embeddings: true }, /tie_word_embeddings/],
    ['another activation', { hidden_act: 'gelu' }, /hidden_act/],
    ['FP8', { quantization_config: { quant_method: 'fp8' } }, /quant_method/],
    ['asymmetric INT4', { quantization_config: quantization({ symmetric: false }) }, /symmetric/],
    ['another group size', { quantization_config: quantization({ group_size: 128 }) }, /group_size/],
    ['another rope', { rope_scaling: { type: 'longrope', factor: 2 } }, /longrope/],
    ['no theta', { rope_theta: undefined }, /rope_theta/],
  ])("refuses %s by the field's name", (_, change, message) => {
    expect(() => parseConfig({ ...base, ...change })).toThrow(message);
  });
});

function quantization(change: object): object {
  const weights = { type: 'int', num_bits: 4, strategy: 'group', group_size: 32, symmetric: true, ...change };
  return { quant_method: 'compressed-tensors', format: 'pack-quantized', config_groups: { group_0: { weights } } };
}
