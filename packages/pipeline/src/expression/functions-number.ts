import { ExpressionError } from './error.ts';
import { describe, type ExpressionFunction, listArgument, numberArgument } from './function.ts';

function readNumber(value: unknown): number {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value !== 'string') return numberArgument(value, 'number(value)');
  const number = value.trim() === '' ? Number.NaN : Number(value);
  if (Number.isFinite(number)) return number;
  throw new ExpressionError('not_a_number', `number(value): "${value.slice(0, 40)}" is not a number.`);
}

function round(value: unknown, places: unknown = 0): number {
  const number = numberArgument(value, 'round(number, places)');
  const digits = Math.trunc(numberArgument(places, 'round(number, places)'));
  if (digits < 0 || digits > 15)
    throw new ExpressionError('wrong_argument', 'round(number, places): places go from 0 to 15.');
  const size = Math.abs(number);
  // Decimal shift by text: 1.005 rounds to 1.01 as people expect, which multiplying by 100 does not give.
  if (size >= 1e15 || size < 1e-7) return size >= 1e15 ? number : 0;
  return Math.sign(number) * Number(`${Math.round(Number(`${size}e${digits}`))}e-${digits}`);
}

function numbers(args: readonly unknown[], usage: string): readonly number[] {
  const given = args.length === 1 && Array.isArray(args[0]) ? listArgument(args[0], usage) : args;
  return given.map((item) => numberArgument(item, usage));
}

function extreme(args: readonly unknown[], usage: string, better: (a: number, b: number) => boolean): number {
  const [first, ...rest] = numbers(args, usage);
  if (first === undefined)
    throw new ExpressionError('empty_list', `${usage}: the list is empty.`, {
      hint: 'or(…) gives another value instead: or(list.size() > 0 ? max(list) : null, 0).',
    });
  return rest.reduce((best, item) => (better(item, best) ? item : best), first);
}

const sum = (...args: readonly unknown[]) => numbers(args, 'sum(list)').reduce((total, item) => total + item, 0);
const least = (...args: readonly unknown[]) => extreme(args, 'min(list)', (a, b) => a < b);
const greatest = (...args: readonly unknown[]) => extreme(args, 'max(list)', (a, b) => a > b);

function average(list: unknown): number {
  const items = numbers([list], 'average(list)');
  if (items.length === 0)
    throw new ExpressionError('empty_list', `average(list): the list is empty, not ${describe(list)}.`);
  return items.reduce((total, item) => total + item, 0) / items.length;
}

function median(list: unknown): number {
  const items = [...numbers([list], 'median(list)')].sort((a, b) => a - b);
  const upper = items[Math.floor(items.length / 2)];
  const lower = items[Math.floor((items.length - 1) / 2)];
  if (upper === undefined || lower === undefined)
    throw new ExpressionError('empty_list', 'median(list): the list is empty.');
  return lower + (upper - lower) / 2;
}

function clamp(value: unknown, from: unknown, to: unknown): number {
  const usage = 'clamp(number, from, to)';
  return Math.min(Math.max(numberArgument(value, usage), numberArgument(from, usage)), numberArgument(to, usage));
}

const isNumber = (value: unknown): boolean =>
  typeof value === 'number' ||
  typeof value === 'bigint' ||
  (typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value)));

/** Numbers. */
export const NUMBER_FUNCTIONS: readonly ExpressionFunction[] = [
  {
    name: 'number',
    usage: 'number(value)',
    help: 'A number, read from text where needed.',
    example: 'number("2.5") + 1',
    result: 3.5,
    signatures: ['number(dyn): double'],
    call: readNumber,
  },
  {
    name: 'round',
    usage: 'round(number, places)',
    help: 'Rounded, half away from zero; places after the point, 0 when left out.',
    example: 'round(1.005, 2)',
    result: 1.01,
    signatures: ['round(dyn): double', 'round(dyn, dyn): double'],
    call: round,
  },
  {
    name: 'floor',
    usage: 'floor(number)',
    help: 'The whole number below.',
    example: 'floor(2.7)',
    result: 2,
    signatures: ['floor(dyn): double'],
    call: (value) => Math.floor(numberArgument(value, 'floor(number)')),
  },
  {
    name: 'ceil',
    usage: 'ceil(number)',
    help: 'The whole number above.',
    example: 'ceil(2.1)',
    result: 3,
    signatures: ['ceil(dyn): double'],
    call: (value) => Math.ceil(numberArgument(value, 'ceil(number)')),
  },
  {
    name: 'abs',
    usage: 'abs(number)',
    help: 'Without its sign.',
    example: 'abs(-3)',
    result: 3,
    signatures: ['abs(dyn): double'],
    call: (value) => Math.abs(numberArgument(value, 'abs(number)')),
  },
  {
    name: 'min',
    usage: 'min(list)',
    help: 'The smallest number of a list, or of two numbers.',
    example: 'min([3, 1.5])',
    result: 1.5,
    signatures: ['min(dyn): double', 'min(dyn, dyn): double', 'list.min(): double'],
    call: least,
  },
  {
    name: 'max',
    usage: 'max(list)',
    help: 'The largest number of a list, or of two numbers.',
    example: 'max(3, 7)',
    result: 7,
    signatures: ['max(dyn): double', 'max(dyn, dyn): double', 'list.max(): double'],
    call: greatest,
  },
  {
    name: 'sum',
    usage: 'sum(list)',
    help: 'All numbers of a list added.',
    example: '[1, 2.5].sum()',
    result: 3.5,
    signatures: ['sum(dyn): double', 'list.sum(): double'],
    call: sum,
  },
  {
    name: 'average',
    usage: 'average(list)',
    help: 'The mean of the numbers of a list.',
    example: 'average([1, 2])',
    result: 1.5,
    signatures: ['average(dyn): double'],
    call: average,
  },
  {
    name: 'median',
    usage: 'median(list)',
    help: 'The middle one of the numbers of a list by size.',
    example: 'median([3, 1, 2, 10])',
    result: 2.5,
    signatures: ['median(dyn): double'],
    call: median,
  },
  {
    name: 'clamp',
    usage: 'clamp(number, from, to)',
    help: 'The number, held between two others.',
    example: 'clamp(12, 0, 10)',
    result: 10,
    signatures: ['clamp(dyn, dyn, dyn): double'],
    call: clamp,
  },
  {
    name: 'trunc',
    usage: 'trunc(number)',
    help: 'Without what follows the point.',
    example: 'trunc(-2.7)',
    result: -2,
    signatures: ['trunc(dyn): double'],
    call: (value) => Math.trunc(numberArgument(value, 'trunc(number)')),
  },
  {
    name: 'pow',
    usage: 'pow(number, exponent)',
    help: 'The number to a power.',
    example: 'pow(2, 10)',
    result: 1024,
    signatures: ['pow(dyn, dyn): double'],
    call: (base, exponent) =>
      numberArgument(base, 'pow(number, exponent)') ** numberArgument(exponent, 'pow(number, exponent)'),
  },
  {
    name: 'isNumber',
    usage: 'isNumber(value)',
    help: 'Whether number(value) would give one.',
    example: 'isNumber("2.5")',
    result: true,
    signatures: ['isNumber(dyn): bool'],
    call: isNumber,
  },
];
