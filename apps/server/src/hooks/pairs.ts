import { ApiError } from '../http/api-error.ts';

/** A name and a value of a form or a query. */
export type Pair = readonly [name: string, value: string];

const MOST_FIELDS = 10_000;

/** Pairs as an object; a name that comes again makes a list. Throws 400 `forbidden_key`, 413 `too_many_fields`. */
export function gathered(pairs: Iterable<Pair>): Record<string, string | string[]> {
  const found = new Map<string, string[]>();
  let count = 0;
  for (const [name, value] of pairs) {
    count += 1;
    if (count > MOST_FIELDS) throw new ApiError(413, 'too_many_fields', `A form has at most ${MOST_FIELDS} fields.`);
    if (name === '__proto__') throw new ApiError(400, 'forbidden_key', 'The key "__proto__" is refused.');
    const values = found.get(name);
    if (values === undefined) found.set(name, [value]);
    else values.push(value);
  }
  return Object.fromEntries(
    [...found].map(([name, values]) => [name, values.length === 1 ? (values[0] ?? '') : values]),
  );
}
