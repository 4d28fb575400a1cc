import type { Request } from 'express';
import { ApiError } from './api-error.ts';

/** A caller's own name for a request, so that sending it twice starts one run. */
export function dedupKey(request: Request): string | null {
  const key = request.headers['idempotency-key'] ?? request.headers['webhook-id'];
  if (key === undefined || key === '') return null;
  if (typeof key !== 'string' || key.length > 255)
    throw new ApiError(400, 'idempotency_key_invalid', 'An Idempotency-Key has at most 255 characters.');
  return `key:${key}`;
}
