import { numberArgument } from './function.ts';
import { toJson } from './to-json.ts';

/** Canonical text of a value, so that equal values compare equal whatever the order of their keys. */
export function identity(value: unknown): string {
  return JSON.stringify(toJson(value), (_key, item: unknown) =>
    item !== null && typeof item === 'object' && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

/** Texts by their characters, numbers by size. Throws `wrong_argument` for anything else. */
export function order(a: unknown, b: unknown): number {
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0;
  return numberArgument(a, 'sort(list)') - numberArgument(b, 'sort(list)');
}
