import { createHash } from 'node:crypto';
import type { BlobContent } from '@switchyard/journal';
import busboy from 'busboy';
import { ApiError } from '../http/api-error.ts';
import { gathered, type Pair } from './pairs.ts';

/** A file of a request: `sha256` names its bytes (`GET /api/blobs/:sha256?run=…`). Its name is what the sender says, and only data. */
export type SentFile = {
  readonly field: string;
  readonly name: string;
  readonly mediaType: string;
  readonly bytes: number;
  readonly sha256: string;
};

/** What a multipart body holds. */
export type Multipart = {
  readonly fields: Record<string, string | string[]>;
  readonly files: readonly SentFile[];
  readonly blobs: readonly BlobContent[];
};

const LIMITS = { fields: 1_000, files: 100, parts: 1_100, fieldNameSize: 200, fieldSize: 1024 * 1024 };

/** Bytes as a blob of the journal. */
export function blobOf(bytes: Buffer, mediaType: string): BlobContent {
  return { sha256: createHash('sha256').update(bytes).digest('hex'), mediaType, bytes };
}

/** Reads a multipart body. Throws 400 `invalid_form`, `forbidden_key`; 413 `too_many_fields`. */
export function readMultipart(raw: Buffer, contentType: string): Promise<Multipart> {
  return new Promise((resolve, reject) => {
    const invalid = (error: unknown): void =>
      reject(
        new ApiError(400, 'invalid_form', `The form cannot be read: ${error instanceof Error ? error.message : ''}`),
      );
    const tooMany = (): void =>
      reject(new ApiError(413, 'too_many_fields', 'The form has too many or too large fields.'));
    const pairs: Pair[] = [];
    const files: SentFile[] = [];
    const blobs: BlobContent[] = [];
    let form: ReturnType<typeof busboy>;
    try {
      form = busboy({ headers: { 'content-type': contentType }, limits: LIMITS, defParamCharset: 'utf8' });
    } catch (error) {
      return invalid(error);
    }
    form.on('field', (name, value, { nameTruncated, valueTruncated }) => {
      if (nameTruncated || valueTruncated) return tooMany();
      pairs.push([name, value]);
    });
    form.on('file', (field, stream, { filename, mimeType }) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('close', () => {
        const blob = blobOf(Buffer.concat(chunks), mimeType.slice(0, 200));
        blobs.push(blob);
        const { sha256, mediaType, bytes } = blob;
        files.push({ field, name: (filename ?? '').slice(0, 500), mediaType, bytes: bytes.length, sha256 });
      });
    });
    for (const limit of ['fieldsLimit', 'filesLimit', 'partsLimit'] as const) form.on(limit, tooMany);
    form.on('error', invalid);
    form.on('close', () => {
      try {
        resolve({ fields: gathered(pairs), files, blobs });
      } catch (error) {
        reject(error);
      }
    });
    form.end(raw);
  });
}
