import { ExpressionError } from './error.ts';
import {
  boundedItems,
  type ExpressionFunction,
  entriesArgument,
  listArgument,
  numberArgument,
  textArgument,
  valueAt,
} from './function.ts';
import { identity, order } from './order.ts';
import { textOf } from './text-of.ts';
import { toJson } from './to-json.ts';

function parseJson(value: unknown): unknown {
  const text = textArgument(value, 'json(text)');
  try {
    // toJson drops every prototype and refuses the keys that could reach one.
    return toJson(JSON.parse(text));
  } catch (cause) {
    if (cause instanceof ExpressionError) throw cause;
    throw new ExpressionError('not_json', 'json(text): the text is not JSON.', { cause });
  }
}

function distinct(list: unknown): readonly unknown[] {
  const seen = new Map<string, unknown>();
  for (const item of listArgument(list, 'distinct(list)')) {
    const key = identity(item);
    if (!seen.has(key)) seen.set(key, item);
  }
  return [...seen.values()];
}

function sortBy(list: unknown, key: unknown): readonly unknown[] {
  const name = textArgument(key, 'sortBy(list, key)');
  const keyed = listArgument(list, 'sortBy(list, key)').map(
    (item) => [valueAt(item, name, 'sortBy(list, key)'), item] as const,
  );
  return keyed.sort(([a], [b]) => order(a, b)).map(([, item]) => item);
}

function groupBy(list: unknown, key: unknown): ReadonlyMap<string, unknown[]> {
  const name = textArgument(key, 'groupBy(list, key)');
  const groups = new Map<string, unknown[]>();
  for (const item of listArgument(list, 'groupBy(list, key)')) {
    const group = textOf(valueAt(item, name, 'groupBy(list, key)'));
    const members = groups.get(group);
    if (members === undefined) groups.set(group, [item]);
    else members.push(item);
  }
  return groups;
}

function flatten(list: unknown): readonly unknown[] {
  const items = listArgument(list, 'flatten(list)');
  boundedItems(items.reduce<number>((sum, item) => sum + (Array.isArray(item) ? item.length : 1), 0));
  return items.flatMap((item) => (Array.isArray(item) ? item : [item]));
}

function range(count: unknown): readonly bigint[] {
  const length = Math.trunc(numberArgument(count, 'range(count)'));
  if (length < 0 || length > 10_000)
    throw new ExpressionError('too_large', 'range(count): the count goes from 0 to 10000.');
  return Array.from({ length }, (_, i) => BigInt(i));
}

const first = (list: unknown) => listArgument(list, 'first(list)')[0] ?? null;
const last = (list: unknown) => listArgument(list, 'last(list)').at(-1) ?? null;
const merge = (a: unknown, b: unknown) =>
  new Map([...entriesArgument(a, 'merge(a, b)'), ...entriesArgument(b, 'merge(a, b)')]);

/** Lists, objects and JSON. `or` is a macro: its first argument may name what is not there (see environment.ts). */
export const DATA_FUNCTIONS: readonly ExpressionFunction[] = [
  {
    name: 'or',
    usage: 'or(value, default)',
    help: 'The value, or the default where the value is null or not there.',
    example: 'or({"a": 1}.b, "none")',
    result: 'none',
  },
  {
    name: 'json',
    usage: 'json(text)',
    help: 'The value a JSON text holds.',
    example: 'json("{\\"a\\": [1]}").a[0]',
    result: 1,
    signatures: ['json(dyn): dyn'],
    call: parseJson,
  },
  {
    name: 'toJson',
    usage: 'toJson(value)',
    help: 'The value as JSON text.',
    example: 'toJson({"a": [1, true]})',
    result: '{"a":[1,true]}',
    signatures: ['toJson(dyn): string'],
    call: (value) => JSON.stringify(toJson(value)),
  },
  {
    name: 'string',
    usage: 'string(value)',
    help: 'The value as text; lists, objects and null as JSON.',
    example: 'string([1, 2])',
    result: '[1,2]',
    signatures: ['string(null): string', 'string(list): string', 'string(map): string'],
    call: textOf,
  },
  {
    name: 'first',
    usage: 'first(list)',
    help: 'The first item, null when there is none.',
    example: 'first([7, 8])',
    result: 7,
    signatures: ['first(dyn): dyn', 'list.first(): dyn'],
    call: first,
  },
  {
    name: 'last',
    usage: 'last(list)',
    help: 'The last item, null when there is none.',
    example: 'last([7, 8])',
    result: 8,
    signatures: ['last(dyn): dyn', 'list.last(): dyn'],
    call: last,
  },
  {
    name: 'keys',
    usage: 'keys(object)',
    help: 'The names in an object.',
    example: 'keys({"a": 1, "b": 2})',
    result: ['a', 'b'],
    signatures: ['keys(dyn): list<string>'],
    deep: true,
    call: (value) => entriesArgument(value, 'keys(object)').map(([key]) => key),
  },
  {
    name: 'values',
    usage: 'values(object)',
    help: 'The values in an object.',
    example: 'values({"a": 1, "b": 2})',
    result: [1, 2],
    signatures: ['values(dyn): list<dyn>'],
    deep: true,
    call: (value) => entriesArgument(value, 'values(object)').map(([, item]) => item),
  },
  {
    name: 'merge',
    usage: 'merge(a, b)',
    help: 'The entries of both objects; those of the second win.',
    example: 'merge({"a": 1}, {"a": 2, "b": 3})',
    result: { a: 2, b: 3 },
    signatures: ['merge(dyn, dyn): map'],
    deep: true,
    call: merge,
  },
  {
    name: 'sort',
    usage: 'sort(list)',
    help: 'Numbers by size or texts by their characters.',
    example: 'sort([3, 1, 2])',
    result: [1, 2, 3],
    signatures: ['sort(dyn): list<dyn>'],
    call: (list) => [...listArgument(list, 'sort(list)')].sort(order),
  },
  {
    name: 'sortBy',
    usage: 'sortBy(list, key)',
    help: 'Objects by one of their values.',
    example: 'sortBy([{"n": 2}, {"n": 1}], "n").map(x, x.n)',
    result: [1, 2],
    signatures: ['sortBy(dyn, dyn): list<dyn>'],
    call: sortBy,
  },
  {
    name: 'groupBy',
    usage: 'groupBy(list, key)',
    help: 'Objects gathered by one of their values.',
    example: 'keys(groupBy([{"k": "a"}, {"k": "b"}], "k"))',
    result: ['a', 'b'],
    signatures: ['groupBy(dyn, dyn): map'],
    call: groupBy,
  },
  {
    name: 'distinct',
    usage: 'distinct(list)',
    help: 'Each value once, in the order of first appearance.',
    example: 'distinct([1, 1.0, "a", "a"])',
    result: [1, 'a'],
    signatures: ['distinct(dyn): list<dyn>'],
    deep: true,
    call: distinct,
  },
  {
    name: 'reverse',
    usage: 'reverse(list)',
    help: 'From last to first.',
    example: 'reverse([1, 2])',
    result: [2, 1],
    signatures: ['reverse(dyn): list<dyn>'],
    call: (list) => [...listArgument(list, 'reverse(list)')].reverse(),
  },
  {
    name: 'flatten',
    usage: 'flatten(list)',
    help: 'Lists inside the list opened, one level.',
    example: 'flatten([[1], [2, 3]])',
    result: [1, 2, 3],
    signatures: ['flatten(dyn): list<dyn>'],
    call: flatten,
  },
  {
    name: 'range',
    usage: 'range(count)',
    help: 'The numbers from 0 up to the count.',
    example: 'range(3)',
    result: [0, 1, 2],
    signatures: ['range(dyn): list<int>'],
    call: range,
  },
];
