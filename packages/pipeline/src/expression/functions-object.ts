import { ExpressionError } from './error.ts';
import { type ExpressionFunction, entriesArgument, listArgument, textArgument } from './function.ts';

const namesArgument = (value: unknown, usage: string): ReadonlySet<string> =>
  new Set(listArgument(value, usage).map((name) => textArgument(name, usage)));

const kept = (object: unknown, names: unknown, usage: string, wanted: boolean) => {
  const chosen = namesArgument(names, usage);
  return new Map(entriesArgument(object, usage).filter(([key]) => chosen.has(key) === wanted));
};

function fromEntries(list: unknown): ReadonlyMap<string, unknown> {
  const usage = 'fromEntries(list)';
  return new Map(
    listArgument(list, usage).map((pair) => {
      const [key, value] = listArgument(pair, usage);
      if (value === undefined) throw new ExpressionError('wrong_argument', `${usage}: each item is a pair.`);
      return [textArgument(key, usage), value] as const;
    }),
  );
}

/** More of objects. */
export const OBJECT_FUNCTIONS: readonly ExpressionFunction[] = [
  {
    name: 'pick',
    usage: 'pick(object, names)',
    help: 'The object with these entries alone.',
    example: 'pick({"a": 1, "b": 2}, ["a", "c"])',
    result: { a: 1 },
    signatures: ['pick(dyn, dyn): map'],
    deep: true,
    call: (object, names) => kept(object, names, 'pick(object, names)', true),
  },
  {
    name: 'omit',
    usage: 'omit(object, names)',
    help: 'The object without these entries.',
    example: 'omit({"a": 1, "b": 2}, ["a"])',
    result: { b: 2 },
    signatures: ['omit(dyn, dyn): map'],
    deep: true,
    call: (object, names) => kept(object, names, 'omit(object, names)', false),
  },
  {
    name: 'entries',
    usage: 'entries(object)',
    help: 'Pairs of name and value.',
    example: 'entries({"a": 1})',
    result: [['a', 1]],
    signatures: ['entries(dyn): list<dyn>'],
    deep: true,
    call: (object) => entriesArgument(object, 'entries(object)').map(([key, value]) => [key, value]),
  },
  {
    name: 'fromEntries',
    usage: 'fromEntries(list)',
    help: 'An object of pairs of name and value.',
    example: 'fromEntries([["a", 1], ["b", 2]])',
    result: { a: 1, b: 2 },
    signatures: ['fromEntries(dyn): map'],
    deep: true,
    call: fromEntries,
  },
];
