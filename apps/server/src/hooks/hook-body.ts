import { Json } from '@switchyard/pipeline';
import type { Request } from 'express';
import { parseForeignJson } from '../http/json-body.ts';

/** The request as `run.input` of a pipeline. */
export type HookInput = {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly query: Record<string, string>;
  readonly body: Json;
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

/** Reads a hook's request from its raw bytes. Throws `invalid_json` and its kin (400). */
export function hookInput(request: Request, raw: Buffer): HookInput {
  const headers = Object.fromEntries(
    Object.entries(request.headers).flatMap(([name, value]) =>
      UNSEEN.has(name) || value === undefined ? [] : [[name, String(value)]],
    ),
  );
  return {
    method: request.method,
    headers,
    query: Object.fromEntries(new URLSearchParams(request.url.split('?')[1] ?? '')),
    body: bodyOf(request, raw),
  };
}

/** JSON as it is, forms as an object, text as text, anything else as base64. */
function bodyOf(request: Request, raw: Buffer): Json {
  if (raw.length === 0) return null;
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === 'application/json' || type.endsWith('+json') || type === '')
    return Json.parse(parseForeignJson(raw.toString('utf8')));
  if (type === 'application/x-www-form-urlencoded')
    return Object.fromEntries(new URLSearchParams(raw.toString('utf8')));
  if (type.startsWith('text/') || type === 'application/xml') return raw.toString('utf8');
  return { base64: raw.toString('base64'), mediaType: type };
}
