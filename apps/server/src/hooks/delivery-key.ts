import { createHash } from 'node:crypto';
import type { WebhookConfig } from '@switchyard/pipeline';
import { z } from 'zod';
import { ApiError } from '../http/api-error.ts';
import type { Signed } from './verify.ts';

/*
 * What names a delivery, so that one that comes twice starts one run. Where the scheme signs an id or a time, only that
 * counts: a header that is not signed would let whoever saw a request send it again under another name.
 */

const MOST = 255;
const StripeEvent = z.looseObject({ id: z.string().min(1) });

/** The name of a delivery, or null when every request is one of its own. Throws 400 `idempotency_key_invalid`. */
export function deliveryKey(config: WebhookConfig, node: string, signed: Signed): string | null {
  if (config.dedup === 'off') return null;
  const name = signedName(config, signed) ?? givenName(config, signed);
  if (name === null) return config.dedup === 'body' ? `hook:${node}:body:${sha256(signed.raw)}` : null;
  if (name.length > MOST)
    throw new ApiError(400, 'idempotency_key_invalid', `An id of a delivery has at most ${MOST} characters.`);
  return `hook:${node}:key:${name}`;
}

function signedName(config: WebhookConfig, { headers, raw }: Signed): string | null {
  switch (config.verify) {
    case 'standard':
      return String(headers['webhook-id']);
    case 'slack':
      return `${headers['x-slack-request-timestamp']}:${sha256(raw)}`;
    case 'stripe':
      return stripeId(raw) ?? sha256(raw);
    default:
      return null;
  }
}

/** A verified Stripe event is JSON with an id. */
function stripeId(raw: Buffer): string | null {
  try {
    return StripeEvent.parse(JSON.parse(raw.toString('utf8'))).id;
  } catch {
    return null;
  }
}

function givenName(config: WebhookConfig, { headers }: Signed): string | null {
  const names = [config.deliveryHeader, 'x-github-delivery', 'idempotency-key', 'webhook-id'];
  for (const name of names) {
    const value = name === undefined ? undefined : headers[name.toLowerCase()];
    if (typeof value === 'string' && value !== '') return value;
  }
  return null;
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
