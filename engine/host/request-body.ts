/* What is checked before a request's body is believed: key, content type, size, JSON. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Refusal } from './refusal.ts';

/** Largest body taken, in bytes: far above the longest prompt any context holds. */
export const MAX_BODY_BYTES = 8 * 1024 * 1024;

/** Lets only holders of the key pass; compares in constant time. @throws Refusal 401 */
export function checkKey(request: IncomingMessage, key: string): void {
  const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  if (!timingSafeEqual(digest(given), digest(key)))
    throw new Refusal(401, 'invalid_api_key', 'a valid key is needed: Authorization: Bearer KEY');
}

/** The JSON body of a request. @throws Refusal 400 not JSON, 413 too large, 415 wrong content type */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/json\s*(;|$)/i.test(type))
    throw new Refusal(415, 'unsupported_content_type', 'the body must be application/json');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > MAX_BODY_BYTES) throw new Refusal(413, 'body_too_large', `the body passes ${MAX_BODY_BYTES} bytes`);
    chunks.push(bytes);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new Refusal(400, 'invalid_json', 'the body is not JSON');
  }
}
