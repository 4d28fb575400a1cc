/*
 * Writes a checkpoint of the same shapes and layout as another one, with random weights: what a product does with it tells
 * whether it is the model that solves a task, or the code around it.
 *
 *   npx tsx engine/scripts/random-weights.ts OUT_FOLDER [SEED] [FROM_FOLDER]
 *
 * The model's id is the name of OUT_FOLDER.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { shippedModel } from '../host/models.ts';
import { openCheckpoint, type TensorEntry } from '../reference/safetensors.ts';

/** What to write. @property maxPositions another context length @property brokenToken an id whose embedding becomes NaN (for tests of the engine) */
export type RandomCheckpoint = {
  readonly from: string;
  readonly to: string;
  readonly seed: number;
  readonly maxPositions?: number;
  readonly brokenToken?: number;
};

const COPIED = ['generation_config.json', 'tiktoken.model', 'tokenizer_config.json', 'chat_template.jinja'];

/** Writes the folder `to`: tokenizer and template copied, every weight drawn from the seed. Bits are the same on every machine. */
export function writeRandomCheckpoint(options: RandomCheckpoint): void {
  mkdirSync(options.to, { recursive: true });
  for (const name of COPIED)
    if (existsSync(join(options.from, name))) copyFileSync(join(options.from, name), join(options.to, name));
  const config: Record<string, unknown> = JSON.parse(readFileSync(join(options.from, 'config.json'), 'utf8'));
  if (options.maxPositions !== undefined) config.max_position_embeddings = options.maxPositions;
  writeFileSync(join(options.to, 'config.json'), JSON.stringify(config, null, 1));
  const { entries, read } = openCheckpoint(options.from);
  const random = generator(options.seed);
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, entry] of entries) {
    const bytes = name.endsWith('weight_shape') ? read(name) : randomTensor(name, entry, random);
    if (options.brokenToken !== undefined && name.endsWith('embed_tokens.weight'))
      breakRow(bytes, entry, options.brokenToken);
    header[name] = { dtype: entry.dtype, shape: entry.shape, data_offsets: [offset, offset + bytes.length] };
    offset += bytes.length;
    parts.push(bytes);
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  writeFileSync(join(options.to, 'model.safetensors'), Buffer.concat([length, json, ...parts]));
}

/** Norms stay 1; matrices are even in ±√(3 / inputs), so that activations keep their size; INT4 words are any bits. */
function randomTensor(name: string, entry: TensorEntry, random: () => number): Uint8Array {
  const count = entry.shape.reduce((product, size) => product * size, 1);
  if (entry.dtype === 'I32') return new Uint8Array(Uint32Array.from({ length: count }, random).buffer);
  const inputs = entry.shape.at(-1) ?? 1;
  const isNorm = name.includes('norm');
  const range = name.endsWith('weight_scale') ? 0 : name.includes('embed_tokens') ? 1 : Math.sqrt(3 / inputs);
  // Codes are even in −8 … 7, so a scale of 0.2/√inputs gives the same size; 32 inputs share one.
  const value = isNorm
    ? () => 1
    : range === 0
      ? () => 0.2 / Math.sqrt(32 * inputs)
      : () => range * (random() / 2 ** 31 - 1);
  const floats = Float32Array.from({ length: count }, value);
  if (entry.dtype === 'F32') return new Uint8Array(floats.buffer);
  const words = new Uint32Array(floats.buffer);
  return new Uint8Array(Uint16Array.from(words, (word) => word >>> 16).buffer);
}

function breakRow(bytes: Uint8Array, entry: TensorEntry, row: number): void {
  const width = bytes.length / (entry.shape[0] ?? 1);
  for (let at = row * width; at < (row + 1) * width; at += 2) bytes.set([0xc0, 0x7f], at);
}

/** 32 random bits a call (splitmix32). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [, , to, seed = '1', from = shippedModel()] = process.argv;
  if (to === undefined) {
    process.stderr.write('usage: random-weights.ts OUT_FOLDER [SEED] [FROM_FOLDER]\n');
    process.exitCode = 2;
  } else {
    writeRandomCheckpoint({ from, to, seed: Number(seed) });
    process.stdout.write(`${to}\n`);
  }
}
