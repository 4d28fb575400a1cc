/*
 * Base64 and UTF-8 written out: `btoa`, `TextEncoder` and `Buffer` exist in browsers and Node but not in the ES2023
 * library this package is held to, and bytes must come out the same in both.
 */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Standard base64 with padding. */
export function toBase64(bytes: Uint8Array): string {
  const out: string[] = [];
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const triple = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    out.push(
      sextet(triple, 18),
      sextet(triple, 12),
      left > 1 ? sextet(triple, 6) : '=',
      left > 2 ? sextet(triple, 0) : '=',
    );
  }
  return out.join('');
}

const sextet = (triple: number, shift: number) => ALPHABET.charAt((triple >> shift) & 63);

/** Bytes of standard or URL-safe base64, or null when it is not base64. White space and missing padding are accepted. */
export function fromBase64(text: string): Uint8Array | null {
  const clean = text.replace(/\s/g, '').replace(/=+$/, '').replaceAll('-', '+').replaceAll('_', '/');
  if (!/^[A-Za-z0-9+/]*$/.test(clean) || clean.length % 4 === 1) return null;
  const bytes = new Uint8Array(Math.floor((clean.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const char of clean) {
    bits = ((bits << 6) | ALPHABET.indexOf(char)) & 0xffffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes[at++] = (bits >> held) & 0xff;
  }
  return bytes;
}

/** UTF-8 bytes of a text; a lone surrogate becomes U+FFFD. */
export function toUtf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const char of text) {
    const point = wellFormed(char.codePointAt(0) ?? 0);
    if (point < 0x80) bytes.push(point);
    else if (point < 0x800) bytes.push(0xc0 | (point >> 6), tail(point, 0));
    else if (point < 0x10000) bytes.push(0xe0 | (point >> 12), tail(point, 6), tail(point, 0));
    else bytes.push(0xf0 | (point >> 18), tail(point, 12), tail(point, 6), tail(point, 0));
  }
  return Uint8Array.from(bytes);
}

const wellFormed = (point: number) => (point >= 0xd800 && point <= 0xdfff ? 0xfffd : point);

const tail = (point: number, shift: number) => 0x80 | ((point >> shift) & 63);

/** Text of UTF-8 bytes, or null when they are not UTF-8. */
export function fromUtf8(bytes: Uint8Array): string | null {
  const escaped: string[] = [];
  for (const byte of bytes) escaped.push(`%${byte.toString(16).padStart(2, '0')}`);
  try {
    return decodeURIComponent(escaped.join(''));
  } catch {
    return null;
  }
}
