import type { Readable, Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { OutboundError } from './contract.ts';

/** Codings one after another that are undone at most; more is an attack. */
const MOST_CODINGS = 2;

function decoderFor(coding: string): Transform {
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'deflate':
      return createInflate();
    case 'br':
      return createBrotliDecompress();
    default:
      throw new OutboundError(
        'bad_response',
        `the answer is encoded as ${JSON.stringify(coding)}, which is not known here`,
      );
  }
}

/** Reads a body, decodes it, and stops at `maxBytes` of either form: a small body may unpack to a huge one. */
export async function readBody(source: Readable, encoding: string, maxBytes: number): Promise<Uint8Array> {
  const codings = encoding
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity');
  if (codings.length > MOST_CODINGS)
    throw new OutboundError('bad_response', `the answer is encoded ${codings.length} times`);
  const decoders = codings.reverse().map(decoderFor);
  const last = decoders.reduce<Readable>((stream, decoder) => {
    stream.on('error', (error) => decoder.destroy(error));
    return stream.pipe(decoder);
  }, source);
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const part of last) {
      if (!(part instanceof Uint8Array)) continue;
      size += part.length;
      if (size > maxBytes) throw new OutboundError('too_large', `the answer is larger than ${maxBytes} bytes`);
      parts.push(part);
    }
  } finally {
    for (const stream of [source, ...decoders]) stream.destroy();
  }
  return Buffer.concat(parts);
}

/** Decodes by the charset of the content type; an unknown one, or none, is UTF-8. */
export function decodeText(body: Uint8Array, contentType: string): string {
  const charset = /charset=["']?([\w:.-]+)/i.exec(contentType)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset).decode(body);
  } catch {
    return new TextDecoder().decode(body);
  }
}
