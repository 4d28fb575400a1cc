import { createHash } from 'node:crypto';

/** JSON with the keys of every object sorted, so that equal values give equal text. Undefined members are left out. */
export const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : member,
  );

/** SHA-256 of a value's canonical JSON, in hex. */
export const fingerprint = (value: unknown): string => createHash('sha256').update(canonicalJson(value)).digest('hex');

/** Characters of canonical arguments that two calls are compared by. */
const COMPARED_CHARS = 4096;

/** The guard asks for the same few calls turn after turn. */
const identities = new WeakMap<object, string>();

/** What makes two calls the same: the name, and the arguments as canonical JSON (as written where they are not JSON), up to 4,096 characters. */
export function callIdentity(call: { readonly name: string; readonly arguments: string }): string {
  const known = identities.get(call);
  if (known !== undefined) return known;
  let text = call.arguments;
  try {
    text = canonicalJson(JSON.parse(call.arguments));
  } catch {
    // not JSON: compared as written
  }
  const identity = `${call.name} ${text.slice(0, COMPARED_CHARS)}`;
  identities.set(call, identity);
  return identity;
}
