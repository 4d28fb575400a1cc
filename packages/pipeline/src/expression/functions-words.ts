import { ExpressionError } from './error.ts';
import { boundedLength, type ExpressionFunction, numberArgument, textArgument } from './function.ts';

function pad(value: unknown, length: unknown, fill: unknown, usage: string): { text: string; padding: string } {
  const text = textArgument(value, usage);
  const wanted = Math.trunc(numberArgument(length, usage));
  const by = textArgument(fill, usage);
  if (by.length !== 1) throw new ExpressionError('wrong_argument', `${usage}: it is filled with one character.`);
  boundedLength(wanted);
  return { text, padding: by.repeat(Math.max(0, wanted - text.length)) };
}

function repeat(value: unknown, times: unknown): string {
  const usage = 'repeat(text, times)';
  const text = textArgument(value, usage);
  const count = Math.trunc(numberArgument(times, usage));
  if (!(count >= 0)) throw new ExpressionError('wrong_argument', `${usage}: the count is at least 0.`);
  boundedLength(text.length * count);
  boundedLength(count);
  return text.repeat(count);
}

function capitalize(value: unknown): string {
  const [first = '', ...rest] = textArgument(value, 'capitalize(text)');
  return first.toUpperCase() + rest.join('');
}

function truncate(value: unknown, length: unknown): string {
  const usage = 'truncate(text, length)';
  const characters = [...textArgument(value, usage)];
  const most = Math.trunc(numberArgument(length, usage));
  if (!(most >= 1)) throw new ExpressionError('wrong_argument', `${usage}: the length is at least 1.`);
  return characters.length <= most ? characters.join('') : `${characters.slice(0, most - 1).join('')}…`;
}

/** Marks over letters are dropped; what is neither letter nor digit parts words. */
const slug = (value: unknown): string =>
  wordsOf(textArgument(value, 'slug(text)').normalize('NFKD').toLowerCase().replace(/\p{M}/gu, '')).join('-');

const wordsOf = (text: string): string[] => text.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== '');

function around(value: unknown, part: unknown, usage: string, side: 'before' | 'after'): string {
  const text = textArgument(value, usage);
  const needle = textArgument(part, usage);
  const at = text.indexOf(needle);
  if (at < 0) return side === 'before' ? text : '';
  return side === 'before' ? text.slice(0, at) : text.slice(at + needle.length);
}

/** More of texts. */
export const WORD_FUNCTIONS: readonly ExpressionFunction[] = [
  {
    name: 'padStart',
    usage: 'padStart(text, length, fill)',
    help: 'Filled at its beginning up to the length.',
    example: 'padStart("7", 3, "0")',
    result: '007',
    signatures: ['padStart(dyn, dyn, dyn): string'],
    call: (value, length, fill) => {
      const { text, padding } = pad(value, length, fill, 'padStart(text, length, fill)');
      return padding + text;
    },
  },
  {
    name: 'padEnd',
    usage: 'padEnd(text, length, fill)',
    help: 'Filled at its end up to the length.',
    example: 'padEnd("7", 3, ".")',
    result: '7..',
    signatures: ['padEnd(dyn, dyn, dyn): string'],
    call: (value, length, fill) => {
      const { text, padding } = pad(value, length, fill, 'padEnd(text, length, fill)');
      return text + padding;
    },
  },
  {
    name: 'repeat',
    usage: 'repeat(text, times)',
    help: 'The text so many times.',
    example: 'repeat("ab", 3)',
    result: 'ababab',
    signatures: ['repeat(dyn, dyn): string'],
    call: repeat,
  },
  {
    name: 'capitalize',
    usage: 'capitalize(text)',
    help: 'With a capital first letter.',
    example: 'capitalize("élan")',
    result: 'Élan',
    signatures: ['capitalize(dyn): string'],
    call: capitalize,
  },
  {
    name: 'truncate',
    usage: 'truncate(text, length)',
    help: 'At most so many characters, the last an ellipsis where it was cut.',
    example: 'truncate("a long text", 7)',
    result: 'a long…',
    signatures: ['truncate(dyn, dyn): string'],
    call: truncate,
  },
  {
    name: 'words',
    usage: 'words(text)',
    help: 'The runs of letters and digits.',
    example: 'words("Hello, world!")',
    result: ['Hello', 'world'],
    signatures: ['words(dyn): list<string>'],
    call: (value) => wordsOf(textArgument(value, 'words(text)')),
  },
  {
    name: 'slug',
    usage: 'slug(text)',
    help: 'For addresses: small letters without marks, joined by hyphens.',
    example: 'slug("Crème brûlée, twice!")',
    result: 'creme-brulee-twice',
    signatures: ['slug(dyn): string'],
    call: slug,
  },
  {
    name: 'before',
    usage: 'before(text, part)',
    help: 'What comes before the first such part; all where it is not there.',
    example: 'before("ada@example.com", "@")',
    result: 'ada',
    signatures: ['before(dyn, dyn): string'],
    call: (value, part) => around(value, part, 'before(text, part)', 'before'),
  },
  {
    name: 'after',
    usage: 'after(text, part)',
    help: 'What comes after the first such part; nothing where it is not there.',
    example: 'after("ada@example.com", "@")',
    result: 'example.com',
    signatures: ['after(dyn, dyn): string'],
    call: (value, part) => around(value, part, 'after(text, part)', 'after'),
  },
];
