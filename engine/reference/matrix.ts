/*
 * Stored tensors → Float32Array. Dequantised once at load: the reference trades memory for loops that read like the paper.
 */
import { CheckpointRefused } from './config.ts';
import type { Checkpoint } from './safetensors.ts';

/** A weight W (rows = outputs, columns = inputs), row-major. */
export type Matrix = { readonly rows: number; readonly columns: number; readonly data: Float32Array };

/** Inputs that share one scale in the INT4 layout. */
export const GROUP_SIZE = 32;

/** BF16 bytes (little-endian) → floats; exact, since BF16 is the upper half of a float. */
export function bfloat16ToFloat32(bytes: Uint8Array<ArrayBuffer>): Float32Array {
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 1);
  const words = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) words[i] = halves[i] << 16;
  return new Float32Array(words.buffer);
}

/**
 * W[r, c] = (u − 8) · scale[r, c / 32], where u is nibble c & 7 (lowest first) of word [r, c >> 3].
 * @param packed (rows, ceil(columns / 8)) words @param scales (rows, ceil(columns / 32)) @returns (rows, columns)
 */
export function unpackInt4(
  packed: Int32Array,
  scales: Float32Array,
  shape: { readonly rows: number; readonly columns: number },
): Float32Array {
  const { rows, columns } = shape;
  const words = Math.ceil(columns / 8);
  const groups = Math.ceil(columns / GROUP_SIZE);
  const out = new Float32Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const nibble = (packed[r * words + (c >> 3)] >>> (4 * (c & 7))) & 15;
      out[r * columns + c] = (nibble - 8) * scales[r * groups + Math.floor(c / GROUP_SIZE)];
    }
  }
  return out;
}

/** A tensor of the given shape stored as F32 or BF16. @throws CheckpointRefused naming the tensor */
export function readFloats(checkpoint: Checkpoint, name: string, shape: readonly number[]): Float32Array {
  const entry = checkpoint.entries.get(name);
  if (entry === undefined) throw new CheckpointRefused(`tensor ${name} is missing`);
  if (entry.shape.length !== shape.length || entry.shape.some((size, i) => size !== shape[i])) {
    throw new CheckpointRefused(`tensor ${name} has shape [${entry.shape}], the config says [${shape}]`);
  }
  const bytes = checkpoint.read(name);
  if (entry.dtype === 'BF16') return bfloat16ToFloat32(bytes);
  if (entry.dtype === 'F32') return new Float32Array(bytes.buffer);
  throw new CheckpointRefused(`tensor ${name}: dtype ${entry.dtype} is not supported for weights`);
}

/** The weight of the linear module `module`: plain `.weight`, or INT4 when `.weight_packed` is on disk. @throws CheckpointRefused */
export function readMatrix(checkpoint: Checkpoint, module: string, rows: number, columns: number): Matrix {
  for (const suffix of ['weight_zero_point', 'weight_g_idx', 'weight_scale_inv']) {
    if (checkpoint.entries.has(`${module}.${suffix}`))
      throw new CheckpointRefused(`tensor ${module}.${suffix}: this kind of quantisation is not supported`);
  }
  if (!checkpoint.entries.has(`${module}.weight_packed`)) {
    return { rows, columns, data: readFloats(checkpoint, `${module}.weight`, [rows, columns]) };
  }
  checkShape(checkpoint, `${module}.weight_shape`, rows, columns);
  const words = Math.ceil(columns / 8);
  const packed = checkpoint.entries.get(`${module}.weight_packed`);
  if (packed?.dtype !== 'I32' || packed.shape.length !== 2 || packed.shape[0] !== rows || packed.shape[1] !== words) {
    throw new CheckpointRefused(`tensor ${module}.weight_packed is not I32 [${rows},${words}]`);
  }
  const scales = readFloats(checkpoint, `${module}.weight_scale`, [rows, Math.ceil(columns / GROUP_SIZE)]);
  const nibbles = new Int32Array(checkpoint.read(`${module}.weight_packed`).buffer);
  return { rows, columns, data: unpackInt4(nibbles, scales, { rows, columns }) };
}

function checkShape(checkpoint: Checkpoint, name: string, rows: number, columns: number): void {
  const entry = checkpoint.entries.get(name);
  if (entry === undefined) throw new CheckpointRefused(`tensor ${name} is missing`);
  const { buffer } = checkpoint.read(name);
  const stored =
    entry.dtype === 'I64'
      ? [...new BigInt64Array(buffer)].map(Number)
      : entry.dtype === 'I32'
        ? [...new Int32Array(buffer)]
        : [];
  if (stored.length !== 2 || stored[0] !== rows || stored[1] !== columns) {
    throw new CheckpointRefused(`tensor ${name} says [${stored}], the config says [${rows},${columns}]`);
  }
}
