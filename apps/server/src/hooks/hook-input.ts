import type { IncomingHttpHeaders } from 'node:http';
import type { BlobContent } from '@switchyard/journal';
import { Json, WEBHOOK_BYTES } from '@switchyard/pipeline';
import { ApiError } from '../http/api-error.ts';
import { parseForeignJson } from '../http/json-body.ts';
import { blobOf, readMultipart, type SentFile } from './multipart.ts';
import { gathered } from './pairs.ts';

/** The request as `run.input` of a pipeline. */
export type HookInput = {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly query: Record<string, string | string[]>;
  readonly body: Json;
  readonly files: readonly SentFile[];
};

/** A request as it came. `target` is its query, with the question mark. */
export type RawRequest = {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly raw: Buffer;
};

/** Headers that belong to the connection or would put a secret into the journal. */
const UNSEEN = new Set([
  'authorization',
  'cookie',
  'connection',
  'host',
  'content-length',
  'transfer-encoding',
  'proxy-authorization',
]);

/** Headers as runs and deliveries keep them: without secrets. */
export const keptHeaders = (headers: IncomingHttpHeaders): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      UNSEEN.has(name) || value === undefined ? [] : [[name, String(value)]],
    ),
  );

/** A body larger than this and not text is kept as a blob rather than as base64. */
const INLINE_BINARY = 32 * 1024;

type Read = { readonly body: Json; readonly files?: readonly SentFile[]; readonly blobs?: readonly BlobContent[] };

/**
 * Reads a request by its content type; each request by its own. Throws `invalid_json` and its kin, `invalid_form`,
 * `invalid_text` (400), `too_many_fields` (413), `charset_unsupported` (415).
 */
export async function hookInput(
  request: RawRequest,
): Promise<{ readonly input: HookInput; readonly blobs: readonly BlobContent[] }> {
  const { body, files = [], blobs = [] } = await bodyOf(request);
  return {
    input: {
      method: request.method,
      headers: keptHeaders(request.headers),
      query: gathered(new URLSearchParams(request.target)),
      body,
      files,
    },
    blobs,
  };
}

async function bodyOf({ headers, raw }: RawRequest): Promise<Read> {
  if (raw.length === 0) return { body: null };
  const contentType = headers['content-type'] ?? '';
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  if (raw.length > WEBHOOK_BYTES) return byReference(raw, type);
  if (type === 'multipart/form-data') {
    const { fields, files, blobs } = await readMultipart(raw, contentType);
    return { body: fields, files, blobs };
  }
  if (type === 'application/x-www-form-urlencoded')
    return { body: gathered(new URLSearchParams(textOf(raw, contentType))) };
  if (type === 'application/json' || type.endsWith('+json') || type === '')
    return { body: Json.parse(parseForeignJson(textOf(raw, contentType))) };
  if (type.startsWith('text/') || type === 'application/xml' || type.endsWith('+xml'))
    return { body: textOf(raw, contentType) };
  return raw.length > INLINE_BINARY
    ? byReference(raw, type)
    : { body: { base64: raw.toString('base64'), mediaType: type } };
}

/** The body as a blob that its hash names. */
function byReference(raw: Buffer, type: string): Read {
  const blob = blobOf(raw, type.slice(0, 200) || 'application/octet-stream');
  return { body: { sha256: blob.sha256, bytes: raw.length, mediaType: blob.mediaType }, blobs: [blob] };
}

/** Text in the charset that the type names, UTF-8 when it names none. */
function textOf(raw: Buffer, contentType: string): string {
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(contentType)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset).decode(raw);
  } catch {
    throw new ApiError(415, 'charset_unsupported', `The charset "${charset.slice(0, 40)}" is not known.`);
  }
}
