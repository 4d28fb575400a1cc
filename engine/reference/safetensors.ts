/*
 * safetensors: u64 little-endian header length, JSON header, then data. A checkpoint is one file or shards named by an
 * index. The header is untrusted input: every offset and product is checked before a byte of data is read.
 */
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { CheckpointRefused } from './config.ts';

/** Element types this reader can size, with their width in bytes. */
export const ELEMENT_BYTES: Readonly<Record<string, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  U16: 2,
  U32: 4,
  U64: 8,
};

const MAX_HEADER_BYTES = 100 * 1024 * 1024;

/** Where a tensor lies: row-major, `begin`/`end` are byte offsets in `file`. */
export type TensorEntry = {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly file: string;
  readonly begin: number;
  readonly end: number;
};

/** Names and places of all tensors of a checkpoint. Data is read on demand; nothing stays open. */
export type Checkpoint = {
  readonly entries: ReadonlyMap<string, TensorEntry>;
  /** The raw little-endian bytes of a tensor, in a fresh aligned buffer owned by the caller. @throws CheckpointRefused */
  readonly read: (name: string) => Uint8Array<ArrayBuffer>;
};

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });
const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(z.number().int().nonnegative()),
  data_offsets: z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]),
});

/** Opens `model.safetensors`, or the shards of `model.safetensors.index.json`, in a folder. @throws CheckpointRefused */
export function openCheckpoint(folder: string): Checkpoint {
  const entries = new Map<string, TensorEntry>();
  for (const file of shardFiles(folder)) {
    for (const [name, entry] of readHeader(file)) {
      if (entries.has(name)) throw new CheckpointRefused(`tensor ${name} occurs in two files`);
      entries.set(name, entry);
    }
  }
  return { entries, read: (name) => readTensor(entries, name) };
}

function shardFiles(folder: string): readonly string[] {
  const index = join(folder, 'model.safetensors.index.json');
  if (!existsSync(index)) return [join(folder, 'model.safetensors')];
  const parsed = indexSchema.safeParse(JSON.parse(readFileSync(index, 'utf8')));
  if (!parsed.success) throw new CheckpointRefused('model.safetensors.index.json has no weight_map');
  return [...new Set(Object.values(parsed.data.weight_map))].map((name) => {
    if (name !== basename(name)) throw new CheckpointRefused(`shard name ${name} leaves the folder`);
    return join(folder, name);
  });
}

/** Reads and validates the header of one file: sizes, offsets inside the file, no overlaps. @throws CheckpointRefused */
export function readHeader(file: string): ReadonlyMap<string, TensorEntry> {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    throw new CheckpointRefused(`${basename(file)} cannot be opened`);
  }
  try {
    const fileBytes = fstatSync(descriptor).size;
    const prefix = readBytes(descriptor, 0, Math.min(8, fileBytes));
    if (prefix.length < 8) throw new CheckpointRefused(`${basename(file)} is too short for a safetensors header`);
    const headerBytes = Number(new DataView(prefix.buffer).getBigUint64(0, true));
    if (headerBytes > MAX_HEADER_BYTES)
      throw new CheckpointRefused(`${basename(file)}: header of ${headerBytes} bytes is over 100 MiB`);
    if (8 + headerBytes > fileBytes) throw new CheckpointRefused(`${basename(file)}: header reaches beyond the file`);
    const text = new TextDecoder().decode(readBytes(descriptor, 8, headerBytes));
    return checkEntries(file, parseHeader(file, text), { start: 8 + headerBytes, bytes: fileBytes - 8 - headerBytes });
  } finally {
    closeSync(descriptor);
  }
}

function parseHeader(file: string, text: string): ReadonlyMap<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new CheckpointRefused(`${basename(file)}: header is not JSON`);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new CheckpointRefused(`${basename(file)}: header is not an object`);
  return new Map(Object.entries(json).filter(([name]) => name !== '__metadata__'));
}

function checkEntries(
  file: string,
  header: ReadonlyMap<string, unknown>,
  data: { readonly start: number; readonly bytes: number },
): ReadonlyMap<string, TensorEntry> {
  const entries = new Map<string, TensorEntry>();
  for (const [name, value] of header) {
    const parsed = entrySchema.safeParse(value);
    if (!parsed.success) throw new CheckpointRefused(`tensor ${name}: malformed header entry`);
    const { dtype, shape } = parsed.data;
    const [begin, end] = parsed.data.data_offsets;
    const width = ELEMENT_BYTES[dtype];
    if (width === undefined) throw new CheckpointRefused(`tensor ${name}: unknown dtype ${dtype}`);
    const bytes = shape.reduce((product, size) => product * size, width);
    if (!Number.isSafeInteger(bytes) || end - begin !== bytes)
      throw new CheckpointRefused(`tensor ${name}: ${dtype} [${shape}] does not fill its ${end - begin} bytes`);
    if (end > data.bytes) throw new CheckpointRefused(`tensor ${name}: offsets reach beyond the file`);
    entries.set(name, { dtype, shape, file, begin: data.start + begin, end: data.start + end });
  }
  const byPlace = [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  byPlace.forEach(([name, entry], i) => {
    const before = byPlace[i - 1];
    if (before !== undefined && entry.begin < before[1].end)
      throw new CheckpointRefused(`tensors ${before[0]} and ${name} overlap`);
  });
  return entries;
}

function readTensor(entries: ReadonlyMap<string, TensorEntry>, name: string): Uint8Array<ArrayBuffer> {
  const entry = entries.get(name);
  if (entry === undefined) throw new CheckpointRefused(`tensor ${name} is missing`);
  const descriptor = openSync(entry.file, 'r');
  try {
    const bytes = readBytes(descriptor, entry.begin, entry.end - entry.begin);
    if (bytes.length !== entry.end - entry.begin)
      throw new CheckpointRefused(`tensor ${name}: the file ends inside it`);
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}

function readBytes(descriptor: number, position: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const got = readSync(descriptor, bytes, done, length - done, position + done);
    if (got === 0) return bytes.slice(0, done);
    done += got;
  }
  return bytes;
}
