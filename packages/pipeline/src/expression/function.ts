import type { Json } from '../event.ts';
import { ExpressionError } from './error.ts';

/** One function of the language: its documentation, its test, and how it is registered. */
export type ExpressionFunction = {
  readonly name: string;
  /** As a user writes it. */
  readonly usage: string;
  readonly help: string;
  readonly example: string;
  /** What the example gives. */
  readonly result: Json;
  /** It walks all of its arguments, which are then paid for in full (see budget.ts). */
  readonly deep?: true;
  /** CEL signatures that share the implementation; absent for what the language has built in. */
  readonly signatures?: readonly string[];
  /** Gets evaluated CEL values (integers are BigInt, other numbers number); throws `ExpressionError`. */
  readonly call?: (...args: readonly unknown[]) => unknown;
};

/** Most items of a list a function makes. */
const MAX_ITEMS = 200_000;

/** Refuses to make a list of so many items, before it is made. Throws `ExpressionError` too_large. */
export function boundedItems(count: number): void {
  if (count <= MAX_ITEMS) return;
  throw new ExpressionError('too_large', `The list would have ${count} items; ${MAX_ITEMS} are allowed.`);
}

/** Longest text a function makes, in UTF-16 units. */
const MAX_TEXT = 1_000_000;

/** Refuses to make a text of so many UTF-16 units, before it is made. Throws `ExpressionError` too_large. */
export function boundedLength(length: number): void {
  if (length <= MAX_TEXT) return;
  throw new ExpressionError('too_large', `The text would be ${length} characters; ${MAX_TEXT} are allowed.`);
}

/** The text, or an error when it is longer than a value may be. */
export function boundedText(text: string): string {
  boundedLength(text.length);
  return text;
}

/** An argument that must be text. */
export function textArgument(value: unknown, usage: string): string {
  if (typeof value === 'string') return value;
  throw new ExpressionError('wrong_argument', `${usage}: text is needed, not ${describe(value)}.`, {
    hint: 'string(…) turns a value into text.',
  });
}

/** An argument that must be a list. */
export function listArgument(value: unknown, usage: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new ExpressionError('wrong_argument', `${usage}: a list is needed, not ${describe(value)}.`);
}

/** An argument that must be a number; integers come as exact doubles. */
export function numberArgument(value: unknown, usage: string): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  throw new ExpressionError('wrong_argument', `${usage}: a number is needed, not ${describe(value)}.`, {
    hint: 'number(…) reads a number from text.',
  });
}

/** An argument that must be an object; gives its own entries. */
export function entriesArgument(value: unknown, usage: string): readonly (readonly [string, unknown])[] {
  if (value instanceof Map) return [...value].map(([key, item]) => [String(key), item]);
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return Object.entries(value);
  throw new ExpressionError('wrong_argument', `${usage}: an object is needed, not ${describe(value)}.`);
}

/** One value of an object, found without reading the others. Throws `ExpressionError` no_such_key, wrong_argument. */
export function valueAt(object: unknown, name: string, usage: string): unknown {
  if (object instanceof Map && object.has(name)) return object.get(name);
  if (object === null || typeof object !== 'object' || Array.isArray(object))
    throw new ExpressionError('wrong_argument', `${usage}: an object is needed, not ${describe(object)}.`);
  const found = object instanceof Map ? undefined : Object.getOwnPropertyDescriptor(object, name);
  if (found === undefined) throw new ExpressionError('no_such_key', `${usage}: an item has no "${name}".`);
  return found.value;
}

/** Words for a value's type in messages. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return 'text';
  if (typeof value === 'boolean') return 'true or false';
  return typeof value === 'object' ? 'an object' : 'a number';
}
