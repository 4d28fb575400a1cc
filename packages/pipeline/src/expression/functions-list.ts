import { ExpressionError } from './error.ts';
import {
  boundedItems,
  type ExpressionFunction,
  listArgument,
  numberArgument,
  textArgument,
  valueAt,
} from './function.ts';
import { identity, order } from './order.ts';
import { textOf } from './text-of.ts';

/** A whole number of items, at least `least`. */
function countArgument(value: unknown, usage: string, least: number): number {
  const count = Math.trunc(numberArgument(value, usage));
  if (count >= least) return count;
  throw new ExpressionError('wrong_argument', `${usage}: the count is at least ${least}.`);
}

function chunk(value: unknown, size: unknown): readonly unknown[] {
  const list = listArgument(value, 'chunk(list, size)');
  const length = countArgument(size, 'chunk(list, size)', 1);
  return Array.from({ length: Math.ceil(list.length / length) }, (_, i) => list.slice(i * length, (i + 1) * length));
}

function zip(a: unknown, b: unknown): readonly unknown[] {
  const left = listArgument(a, 'zip(a, b)');
  const right = listArgument(b, 'zip(a, b)');
  return Array.from({ length: Math.min(left.length, right.length) }, (_, i) => [left[i], right[i]]);
}

const identities = (value: unknown, usage: string): ReadonlyMap<string, unknown> => {
  const found = new Map<string, unknown>();
  for (const item of listArgument(value, usage)) {
    const key = identity(item);
    if (!found.has(key)) found.set(key, item);
  }
  return found;
};

function union(a: unknown, b: unknown): readonly unknown[] {
  const all = new Map(identities(a, 'union(a, b)'));
  for (const [key, item] of identities(b, 'union(a, b)')) if (!all.has(key)) all.set(key, item);
  return [...all.values()];
}

function kept(a: unknown, b: unknown, usage: string, shared: boolean): readonly unknown[] {
  const other = identities(b, usage);
  return [...identities(a, usage)].filter(([key]) => other.has(key) === shared).map(([, item]) => item);
}

function indexBy(list: unknown, key: unknown): ReadonlyMap<string, unknown> {
  const usage = 'indexBy(list, key)';
  const name = textArgument(key, usage);
  return new Map(listArgument(list, usage).map((item) => [textOf(valueAt(item, name, usage)), item] as const));
}

function countBy(list: unknown, key: unknown): ReadonlyMap<string, bigint> {
  const usage = 'countBy(list, key)';
  const name = textArgument(key, usage);
  const counts = new Map<string, bigint>();
  for (const item of listArgument(list, usage)) {
    const group = textOf(valueAt(item, name, usage));
    counts.set(group, (counts.get(group) ?? 0n) + 1n);
  }
  return counts;
}

function sumBy(list: unknown, key: unknown): number {
  const usage = 'sumBy(list, key)';
  const name = textArgument(key, usage);
  return listArgument(list, usage).reduce<number>(
    (sum, item) => sum + numberArgument(valueAt(item, name, usage), usage),
    0,
  );
}

function best(list: unknown, key: unknown, usage: string, direction: 1 | -1): unknown {
  const name = textArgument(key, usage);
  let chosen: { readonly item: unknown; readonly by: unknown } | null = null;
  for (const item of listArgument(list, usage)) {
    const by = valueAt(item, name, usage);
    if (chosen === null || order(by, chosen.by) * direction < 0) chosen = { item, by };
  }
  return chosen === null ? null : chosen.item;
}

function pluck(list: unknown, key: unknown): readonly unknown[] {
  const usage = 'pluck(list, key)';
  const name = textArgument(key, usage);
  return listArgument(list, usage).map((item) => valueAt(item, name, usage));
}

function concat(a: unknown, b: unknown): readonly unknown[] {
  const left = listArgument(a, 'concat(a, b)');
  const right = listArgument(b, 'concat(a, b)');
  boundedItems(left.length + right.length);
  return [...left, ...right];
}

const take = (list: unknown, count: unknown) =>
  listArgument(list, 'take(list, count)').slice(0, countArgument(count, 'take(list, count)', 0));
const skip = (list: unknown, count: unknown) =>
  listArgument(list, 'skip(list, count)').slice(countArgument(count, 'skip(list, count)', 0));

/** More of lists. */
export const LIST_FUNCTIONS: readonly ExpressionFunction[] = [
  {
    name: 'take',
    usage: 'take(list, count)',
    help: 'The first items.',
    example: 'take([1, 2, 3], 2)',
    result: [1, 2],
    signatures: ['take(dyn, dyn): list<dyn>'],
    call: take,
  },
  {
    name: 'skip',
    usage: 'skip(list, count)',
    help: 'What follows the first items.',
    example: 'skip([1, 2, 3], 2)',
    result: [3],
    signatures: ['skip(dyn, dyn): list<dyn>'],
    call: skip,
  },
  {
    name: 'chunk',
    usage: 'chunk(list, size)',
    help: 'Lists of so many items each; the last may be shorter.',
    example: 'chunk([1, 2, 3], 2)',
    result: [[1, 2], [3]],
    signatures: ['chunk(dyn, dyn): list<dyn>'],
    call: chunk,
  },
  {
    name: 'zip',
    usage: 'zip(a, b)',
    help: 'Pairs of the items at the same place, as far as both lists go.',
    example: 'zip([1, 2], ["a", "b"])',
    result: [
      [1, 'a'],
      [2, 'b'],
    ],
    signatures: ['zip(dyn, dyn): list<dyn>'],
    call: zip,
  },
  {
    name: 'concat',
    usage: 'concat(a, b)',
    help: 'The items of both lists.',
    example: 'concat([1], ["a"])',
    result: [1, 'a'],
    signatures: ['concat(dyn, dyn): list<dyn>'],
    call: concat,
  },
  {
    name: 'compact',
    usage: 'compact(list)',
    help: 'Without nulls and empty texts.',
    example: 'compact([1, null, "", 0])',
    result: [1, 0],
    signatures: ['compact(dyn): list<dyn>'],
    call: (list) => listArgument(list, 'compact(list)').filter((item) => item !== null && item !== ''),
  },
  {
    name: 'union',
    usage: 'union(a, b)',
    help: 'Each value of either list once.',
    example: 'union([1, 2], [2, 3])',
    result: [1, 2, 3],
    signatures: ['union(dyn, dyn): list<dyn>'],
    deep: true,
    call: union,
  },
  {
    name: 'intersect',
    usage: 'intersect(a, b)',
    help: 'Each value that is in both lists once.',
    example: 'intersect([1, 2], [2, 3])',
    result: [2],
    signatures: ['intersect(dyn, dyn): list<dyn>'],
    deep: true,
    call: (a, b) => kept(a, b, 'intersect(a, b)', true),
  },
  {
    name: 'difference',
    usage: 'difference(a, b)',
    help: 'Each value of the first list that is not in the second once.',
    example: 'difference([1, 2], [2, 3])',
    result: [1],
    signatures: ['difference(dyn, dyn): list<dyn>'],
    deep: true,
    call: (a, b) => kept(a, b, 'difference(a, b)', false),
  },
  {
    name: 'indexBy',
    usage: 'indexBy(list, key)',
    help: 'Objects by one of their values; the last of equal ones stays.',
    example: 'indexBy([{"id": "x", "n": 1}], "id").x.n',
    result: 1,
    signatures: ['indexBy(dyn, dyn): map'],
    call: indexBy,
  },
  {
    name: 'countBy',
    usage: 'countBy(list, key)',
    help: 'How many objects share each of their values.',
    example: 'countBy([{"k": "a"}, {"k": "a"}, {"k": "b"}], "k")',
    result: { a: 2, b: 1 },
    signatures: ['countBy(dyn, dyn): map'],
    call: countBy,
  },
  {
    name: 'sumBy',
    usage: 'sumBy(list, key)',
    help: 'One number of each object, added.',
    example: 'sumBy([{"n": 1}, {"n": 2.5}], "n")',
    result: 3.5,
    signatures: ['sumBy(dyn, dyn): double'],
    call: sumBy,
  },
  {
    name: 'minBy',
    usage: 'minBy(list, key)',
    help: 'The object whose value is least, null when there is none.',
    example: 'minBy([{"n": 2}, {"n": 1}], "n")',
    result: { n: 1 },
    signatures: ['minBy(dyn, dyn): dyn'],
    call: (list, key) => best(list, key, 'minBy(list, key)', 1),
  },
  {
    name: 'maxBy',
    usage: 'maxBy(list, key)',
    help: 'The object whose value is greatest, null when there is none.',
    example: 'maxBy([{"n": 2}, {"n": 1}], "n")',
    result: { n: 2 },
    signatures: ['maxBy(dyn, dyn): dyn'],
    call: (list, key) => best(list, key, 'maxBy(list, key)', -1),
  },
  {
    name: 'pluck',
    usage: 'pluck(list, key)',
    help: 'One value of each object.',
    example: 'pluck([{"n": 1}, {"n": 2}], "n")',
    result: [1, 2],
    signatures: ['pluck(dyn, dyn): list<dyn>'],
    call: pluck,
  },
];
