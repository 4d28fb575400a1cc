import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { WebhookConfig } from '@switchyard/pipeline';
import { ApiError } from '../http/api-error.ts';

/*
 * Who sent a request, read from its raw bytes before anything is parsed. Each scheme says which bytes are signed, where the
 * signatures stand, and when they were made; one of them must fit one of the secrets.
 *
 * GitHub           X-Hub-Signature-256: sha256=hex                  body
 * Stripe           Stripe-Signature: t=SECONDS,v1=hex[,v1=hex]      t.body
 * Slack            X-Slack-Signature: v0=hex, X-Slack-Request-Timestamp   v0:time:body
 * Standard         webhook-id, webhook-timestamp, webhook-signature: v1,base64[ v1,base64]   id.time.body
 * HMAC             a header of one's own: hex or base64, sha256= before it or not   body, or time.body
 */

/** What is verified, as it came. */
export type Signed = { readonly headers: IncomingHttpHeaders; readonly raw: Buffer };

type Claim = {
  /** Signatures that were sent; one must fit. */
  readonly signatures: readonly Buffer[];
  readonly bytes: readonly (string | Buffer)[];
  /** Unix seconds it says it was signed at; null: the scheme has none. */
  readonly at: number | null;
};

type Verification = Pick<WebhookConfig, 'verify' | 'signatureHeader' | 'timestampHeader' | 'toleranceSeconds'>;

const refused = (code: string, message: string): ApiError => new ApiError(401, code, message);

/** Throws 401 `secret_missing`, `signature_missing`, `signature_stale`, `signature_wrong`; returns for who may call. */
export function verifySender(
  config: Verification,
  signed: Signed,
  { secrets, nowMs }: { readonly secrets: readonly string[]; readonly nowMs: number },
): void {
  if (config.verify === 'public') return;
  if (secrets.length === 0)
    throw refused('secret_missing', 'This address takes signed requests, and no secret to check them with is stored.');
  const claim = claimOf(config, signed);
  if (claim === null || claim.signatures.length === 0)
    throw refused('signature_missing', 'The request is not signed as this address asks.');
  if (claim.at !== null && !(Math.abs(nowMs / 1000 - claim.at) <= config.toleranceSeconds))
    throw refused('signature_stale', 'The request was signed too long ago, or the clocks differ.');
  const fits = secrets
    .map((secret) => macOf(keyOf(config.verify, secret), claim.bytes))
    .flatMap((mac) => claim.signatures.map((one) => one.length === mac.length && timingSafeEqual(one, mac)));
  if (!fits.includes(true)) throw refused('signature_wrong', 'The signature does not fit the body.');
}

function macOf(key: Buffer | string, bytes: readonly (string | Buffer)[]): Buffer {
  const mac = createHmac('sha256', key);
  for (const part of bytes) mac.update(part);
  return mac.digest();
}

/** Standard Webhooks writes its secrets in base64, with `whsec_` before it. */
const keyOf = (scheme: WebhookConfig['verify'], secret: string): Buffer | string =>
  scheme === 'standard' ? Buffer.from(secret.replace(/^whsec_/, ''), 'base64') : secret;

const headerOf = (headers: IncomingHttpHeaders, name: string): string | null => {
  const value = headers[name.toLowerCase()];
  return typeof value === 'string' && value !== '' ? value : null;
};

const secondsOf = (text: string | null): number | null =>
  text !== null && /^\d{1,12}$/.test(text) ? Number(text) : null;
const hex = (text: string): Buffer => (/^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, 'hex') : Buffer.alloc(0));

function claimOf(config: Verification, { headers, raw }: Signed): Claim | null {
  switch (config.verify) {
    case 'public':
      return null;
    case 'github': {
      const found = /^sha256=([0-9a-f]{64})$/i.exec(headerOf(headers, 'x-hub-signature-256') ?? '');
      return found?.[1] === undefined ? null : { signatures: [hex(found[1])], bytes: [raw], at: null };
    }
    case 'stripe':
      return stripeClaim(headerOf(headers, 'stripe-signature') ?? '', raw);
    case 'slack': {
      const time = headerOf(headers, 'x-slack-request-timestamp');
      const found = /^v0=([0-9a-f]{64})$/i.exec(headerOf(headers, 'x-slack-signature') ?? '');
      const at = secondsOf(time);
      return found?.[1] === undefined || at === null
        ? null
        : { signatures: [hex(found[1])], bytes: [`v0:${time}:`, raw], at };
    }
    case 'standard':
      return standardClaim(headers, raw);
    case 'hmac':
      return hmacClaim(config, headers, raw);
  }
}

function stripeClaim(header: string, raw: Buffer): Claim | null {
  const parts = header.split(',').map((part) => part.trim().split('='));
  const time = parts.find(([name]) => name === 't')?.[1] ?? null;
  const at = secondsOf(time);
  if (at === null) return null;
  const signatures = parts.filter(([name]) => name === 'v1').map(([, value = '']) => hex(value));
  return { signatures, bytes: [`${time}.`, raw], at };
}

function standardClaim(headers: IncomingHttpHeaders, raw: Buffer): Claim | null {
  const [id, time] = [headerOf(headers, 'webhook-id'), headerOf(headers, 'webhook-timestamp')];
  const at = secondsOf(time);
  if (id === null || at === null) return null;
  const signatures = (headerOf(headers, 'webhook-signature') ?? '')
    .split(' ')
    .filter((one) => one.startsWith('v1,'))
    .map((one) => Buffer.from(one.slice(3), 'base64'));
  return { signatures, bytes: [`${id}.${time}.`, raw], at };
}

function hmacClaim(config: Verification, headers: IncomingHttpHeaders, raw: Buffer): Claim | null {
  const text = headerOf(headers, config.signatureHeader)?.replace(/^sha256=/i, '');
  if (text === undefined) return null;
  const signatures = [hex(text), Buffer.from(text, 'base64')].filter((one) => one.length === 32);
  if (config.timestampHeader === undefined) return { signatures, bytes: [raw], at: null };
  const time = headerOf(headers, config.timestampHeader);
  const at = secondsOf(time);
  return at === null ? null : { signatures, bytes: [`${time}.`, raw], at };
}
