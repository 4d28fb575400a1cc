import { ApiError } from './api-error.ts';

const MAX_DEPTH = 64;
const MAX_VALUES = 200_000;
/** Of one object: more is an attack on whoever copies it, or data that belongs into a list. */
const MAX_KEYS = 10_000;

/**
 * JSON of foreign origin: refuses what would hurt later (keys that reach a prototype, nesting that overflows a stack),
 * without recursion of its own. Throws `invalid_json`, `forbidden_key`, `json_too_deep`, `json_too_large` (400).
 */
export function parseForeignJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ApiError(400, 'invalid_json', `The body is not JSON: ${error instanceof Error ? error.message : ''}`);
  }
  inspect(value);
  return value;
}

function inspect(root: unknown): void {
  const open: { readonly value: unknown; readonly depth: number }[] = [{ value: root, depth: 0 }];
  let values = 0;
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    values += 1;
    if (values > MAX_VALUES)
      throw new ApiError(400, 'json_too_large', `The body holds more than ${MAX_VALUES} values.`);
    if (at.depth > MAX_DEPTH)
      throw new ApiError(400, 'json_too_deep', `The body is nested deeper than ${MAX_DEPTH} levels.`);
    if (at.value === null || typeof at.value !== 'object') continue;
    for (const [, value] of checkedEntries(at.value)) open.push({ value, depth: at.depth + 1 });
  }
}

function checkedEntries(value: object): readonly (readonly [string, unknown])[] {
  const entries = Object.entries(value);
  if (!Array.isArray(value) && entries.length > MAX_KEYS)
    throw new ApiError(400, 'json_too_large', `An object in the body has more than ${MAX_KEYS} keys.`);
  const refused = entries.find(([key, child]) => reachesPrototype(key, child));
  if (refused) throw new ApiError(400, 'forbidden_key', `The key "${refused[0]}" is refused.`);
  return entries;
}

/** `__proto__`, and a `constructor` that carries a `prototype`; a field that is merely called constructor is data. */
const reachesPrototype = (key: string, value: unknown): boolean =>
  key === '__proto__' ||
  (key === 'constructor' && typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype'));
