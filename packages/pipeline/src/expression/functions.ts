import type { ExpressionFunction } from './function.ts';
import { CODE_FUNCTIONS } from './functions-code.ts';
import { DATA_FUNCTIONS } from './functions-data.ts';
import { LIST_FUNCTIONS } from './functions-list.ts';
import { NUMBER_FUNCTIONS } from './functions-number.ts';
import { OBJECT_FUNCTIONS } from './functions-object.ts';
import { TEXT_FUNCTIONS } from './functions-text.ts';
import { TIME_FUNCTIONS } from './functions-time.ts';
import { WORD_FUNCTIONS } from './functions-words.ts';

/** What the language brings itself, listed for documentation and completion; the examples are tests like the others. */
const LANGUAGE_FUNCTIONS: readonly ExpressionFunction[] = [
  {
    name: 'size',
    usage: 'size(value)',
    help: 'Characters of a text, items of a list, keys of an object.',
    example: 'size([1, 2, 3])',
    result: 3,
  },
  {
    name: 'contains',
    usage: 'text.contains(part)',
    help: 'Whether the text holds the part.',
    example: '"hello".contains("ell")',
    result: true,
  },
  {
    name: 'startsWith',
    usage: 'text.startsWith(part)',
    help: 'Whether the text begins with the part.',
    example: '"hello".startsWith("he")',
    result: true,
  },
  {
    name: 'endsWith',
    usage: 'text.endsWith(part)',
    help: 'Whether the text ends with the part.',
    example: '"hello".endsWith("lo")',
    result: true,
  },
  {
    name: 'indexOf',
    usage: 'text.indexOf(part)',
    help: 'Where the part begins, -1 when it is not there.',
    example: '"hello".indexOf("l")',
    result: 2,
  },
  {
    name: 'has',
    usage: 'has(object.key)',
    help: 'Whether the key is there.',
    example: 'has(run.input.missing)',
    result: false,
  },
  {
    name: 'map',
    usage: 'list.map(x, expression)',
    help: 'The expression for each item.',
    example: '[1, 2].map(x, x * 2)',
    result: [2, 4],
  },
  {
    name: 'filter',
    usage: 'list.filter(x, condition)',
    help: 'The items for which the condition is true.',
    example: '[1, 2, 3].filter(x, x > 1)',
    result: [2, 3],
  },
  {
    name: 'all',
    usage: 'list.all(x, condition)',
    help: 'Whether the condition is true for every item.',
    example: '[1, 2].all(x, x > 0)',
    result: true,
  },
  {
    name: 'exists',
    usage: 'list.exists(x, condition)',
    help: 'Whether the condition is true for an item.',
    example: '[1, 2].exists(x, x > 1)',
    result: true,
  },
  {
    name: 'exists_one',
    usage: 'list.exists_one(x, condition)',
    help: 'Whether the condition is true for exactly one item.',
    example: '[1, 2].exists_one(x, x > 1)',
    result: true,
  },
  {
    name: 'int',
    usage: 'int(value)',
    help: 'A whole number: cut off, or read from text.',
    example: 'int("42")',
    result: 42,
  },
  { name: 'double', usage: 'double(value)', help: 'A number with a fraction.', example: 'double("2.5")', result: 2.5 },
  { name: 'bool', usage: 'bool(value)', help: 'true or false from text.', example: 'bool("true")', result: true },
  {
    name: 'timestamp',
    usage: 'timestamp(text)',
    help: 'A time from ISO 8601 text.',
    example: 'timestamp("2026-11-25T12:00:00Z").getFullYear()',
    result: 2026,
  },
  {
    name: 'duration',
    usage: 'duration(text)',
    help: 'A span of time.',
    example: 'timestamp("2026-11-25T12:00:00Z") + duration("1h")',
    result: '2026-11-25T13:00:00.000Z',
  },
];

/** The parts of the library, as the documentation heads them. */
export const FUNCTION_CATEGORIES = {
  language: LANGUAGE_FUNCTIONS,
  text: [...TEXT_FUNCTIONS, ...WORD_FUNCTIONS],
  number: NUMBER_FUNCTIONS,
  data: [...DATA_FUNCTIONS, ...OBJECT_FUNCTIONS],
  list: LIST_FUNCTIONS,
  time: TIME_FUNCTIONS,
  code: CODE_FUNCTIONS,
} satisfies Readonly<Record<string, readonly ExpressionFunction[]>>;

/** Every function an expression may use, in the order the documentation shows them. Each example gives its result where `run.input` is `{"a": 1}`. */
export const EXPRESSION_FUNCTIONS: readonly ExpressionFunction[] = Object.values(FUNCTION_CATEGORIES).flat();

/** Names of functions whose arguments are paid for in full. */
export const DEEP_FUNCTIONS: ReadonlySet<string> = new Set(
  EXPRESSION_FUNCTIONS.filter(({ deep }) => deep === true).map(({ name }) => name),
);
