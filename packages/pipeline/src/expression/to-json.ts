import type { Json } from '../event.ts';
import { toBase64 } from './base64.ts';
import { ExpressionError } from './error.ts';

const MAX_DEPTH = 64;
/** Values one result may hold. An expression can name one list a thousand times, so what is small in memory may be endless in JSON. */
const MAX_VALUES = 500_000;
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);

type Budget = { left: number };

/**
 * The JSON of an evaluated value. Integers become JSON numbers where those are exact, times ISO 8601 text, bytes base64.
 * Objects have no prototype. Throws `ExpressionError`: number_too_large, not_json, too_deep, too_large, forbidden_key.
 */
export function toJson(value: unknown): Json {
  return convert(value, 0, { left: MAX_VALUES });
}

function convert(value: unknown, depth: number, budget: Budget): Json {
  budget.left--;
  if (budget.left < 0) throw new ExpressionError('too_large', `The result holds more than ${MAX_VALUES} values.`);
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return finite(value);
  if (typeof value === 'bigint') return safeInteger(value);
  if (depth >= MAX_DEPTH)
    throw new ExpressionError('too_deep', `The result is nested deeper than ${MAX_DEPTH} levels.`);
  if (Array.isArray(value)) return value.map((item) => convert(item, depth + 1, budget));
  if (value instanceof Map) return objectJson(value.entries(), depth, budget);
  if (value instanceof Set) return [...value].map((item) => convert(item, depth + 1, budget));
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return toBase64(value);
  if (typeof value === 'object') return hostObjectJson(value, depth, budget);
  throw new ExpressionError('not_json', `The result is of type ${typeof value}, which is not JSON.`);
}

function finite(value: number): number {
  if (Number.isFinite(value)) return value;
  throw new ExpressionError('not_json', `The result ${value} has no JSON form.`, {
    hint: 'Look for a division by zero.',
  });
}

function safeInteger(value: bigint): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new ExpressionError('number_too_large', `The integer ${value} is too large for a JSON number.`, {
    hint: 'Turn it into text with string(…).',
  });
}

/** CEL's own value classes (unsigned, duration, optional, type) are told apart by what they offer, as the library does. */
function hostObjectJson(value: object, depth: number, budget: Budget): Json {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return objectJson(Object.entries(value), depth, budget);
  if (
    'hasValue' in value &&
    typeof value.hasValue === 'function' &&
    'value' in value &&
    typeof value.value === 'function'
  ) {
    return value.hasValue() === true ? convert(value.value(), depth, budget) : null;
  }
  const primitive: unknown = value.valueOf();
  if (typeof primitive === 'bigint') return safeInteger(primitive);
  if (typeof primitive === 'number') return String(value);
  throw new ExpressionError('not_json', 'The result is a type, not a value.');
}

function objectJson(entries: Iterable<readonly [unknown, unknown]>, depth: number, budget: Budget): Json {
  const result: Record<string, Json> = Object.create(null);
  for (const [key, item] of entries) {
    const name = String(key);
    if (FORBIDDEN.has(name))
      throw new ExpressionError('forbidden_key', `The key "${name}" is refused.`, { hint: 'Rename it.' });
    result[name] = convert(item, depth + 1, budget);
  }
  return result;
}
