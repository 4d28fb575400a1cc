import { toUtf8 } from './base64.ts';
import { ExpressionError } from './error.ts';
import { boundedLength, type ExpressionFunction, textArgument } from './function.ts';
import { hmacSha256, sha256, toHex } from './sha256.ts';

/** Longest text that is hashed, in UTF-16 units: hashing is the most work a function does for each character. */
const MAX_HASHED = 100_000;

function hashable(value: unknown, usage: string): Uint8Array {
  const text = textArgument(value, usage);
  if (text.length > MAX_HASHED)
    throw new ExpressionError('too_large', `${usage}: a text may have ${MAX_HASHED} characters.`, {
      hint: 'Use a code node for longer ones.',
    });
  return toUtf8(text);
}

function urlDecode(value: unknown): string {
  try {
    return decodeURIComponent(textArgument(value, 'urlDecode(text)'));
  } catch (cause) {
    if (cause instanceof ExpressionError) throw cause;
    throw new ExpressionError('wrong_argument', 'urlDecode(text): the text is not percent-encoded UTF-8.', { cause });
  }
}

function hex(value: unknown): string {
  const text = textArgument(value, 'hex(text)');
  boundedLength(text.length * 2);
  return toHex(toUtf8(text));
}

/** Hashes and codes. */
export const CODE_FUNCTIONS: readonly ExpressionFunction[] = [
  {
    name: 'sha256',
    usage: 'sha256(text)',
    help: 'The SHA-256 of the text’s UTF-8 in hexadecimal digits.',
    example: 'sha256("abc")',
    result: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    signatures: ['sha256(dyn): string'],
    deep: true,
    call: (text) => toHex(sha256(hashable(text, 'sha256(text)'))),
  },
  {
    name: 'hmacSha256',
    usage: 'hmacSha256(key, text)',
    help: 'The HMAC of a text under a key, SHA-256, in hexadecimal digits.',
    example: 'hmacSha256("key", "The quick brown fox jumps over the lazy dog")',
    result: 'f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8',
    signatures: ['hmacSha256(dyn, dyn): string'],
    deep: true,
    call: (key, text) =>
      toHex(hmacSha256(hashable(key, 'hmacSha256(key, text)'), hashable(text, 'hmacSha256(key, text)'))),
  },
  {
    name: 'hex',
    usage: 'hex(text)',
    help: 'The text’s UTF-8 in hexadecimal digits.',
    example: 'hex("hé")',
    result: '68c3a9',
    signatures: ['hex(dyn): string'],
    call: hex,
  },
  {
    name: 'urlDecode',
    usage: 'urlDecode(text)',
    help: 'The text that urlEncode was given.',
    example: 'urlDecode("a%20%26%20b")',
    result: 'a & b',
    signatures: ['urlDecode(dyn): string'],
    call: urlDecode,
  },
];
