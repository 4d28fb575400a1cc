import { randomBytes } from 'node:crypto';

/**
 * A UUIDv7 (RFC 9562) for the time `now`, milliseconds since 1970: sorts by time, so runs list newest first by id alone.
 * The caller of `startRun` makes it once per request, so that a repeated request names the same run.
 */
export function uuidV7(now: number): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(now, 0, 6);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70; // version
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80; // variant
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
