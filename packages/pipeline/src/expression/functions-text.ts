import { RE2JS } from 're2js';
import { fromBase64, fromUtf8, toBase64, toUtf8 } from './base64.ts';
import { ExpressionError } from './error.ts';
import {
  boundedLength,
  boundedText,
  type ExpressionFunction,
  listArgument,
  numberArgument,
  textArgument,
} from './function.ts';
import { textOf } from './text-of.ts';

const MAX_PATTERN = 1_000;
const MAX_PATTERNS = 200;
const patterns = new Map<string, RE2JS>();

/** Compiled RE2 pattern; RE2 matches in time linear in the text, so a pattern cannot hang a worker. */
function pattern(source: string): RE2JS {
  const known = patterns.get(source);
  if (known !== undefined) return known;
  if (source.length > MAX_PATTERN)
    throw new ExpressionError('pattern_too_long', `A pattern may have ${MAX_PATTERN} characters.`);
  const compiled = compilePattern(source);
  if (patterns.size >= MAX_PATTERNS) patterns.clear();
  patterns.set(source, compiled);
  return compiled;
}

function compilePattern(source: string): RE2JS {
  try {
    return RE2JS.compile(source);
  } catch (cause) {
    throw new ExpressionError('bad_pattern', `"${source}" is not a pattern like() knows.`, {
      cause,
      hint: 'RE2 syntax: no look-around, no back-references.',
    });
  }
}

/** An index into text, held within it; negative ones count from the end. */
function within(value: unknown, length: number, usage: string): number {
  const index = Math.trunc(numberArgument(value, usage));
  return Math.min(Math.max(index < 0 ? length + index : index, 0), length);
}

function slice(value: unknown, from: unknown, to: unknown): string {
  const text = textArgument(value, 'substring(text, from, to)');
  const start = within(from, text.length, 'substring(text, from, to)');
  const end = to === undefined ? text.length : within(to, text.length, 'substring(text, from, to)');
  return text.slice(start, Math.max(start, end));
}

function replaceLiteral(value: unknown, part: unknown, by: unknown): string {
  const usage = 'text.replace(part, by)';
  const text = textArgument(value, usage);
  const needle = textArgument(part, usage);
  if (needle === '') throw new ExpressionError('wrong_argument', `${usage}: the part to replace is empty.`);
  const pieces = text.split(needle);
  const put = textArgument(by, usage);
  boundedLength(text.length + (pieces.length - 1) * (put.length - needle.length));
  return pieces.join(put);
}

function joinList(list: unknown, separator: unknown = ''): string {
  const usage = 'join(list, separator)';
  const between = textArgument(separator, usage);
  const items = listArgument(list, usage).map(textOf);
  boundedLength(items.reduce((sum, item) => sum + item.length + between.length, 0));
  return items.join(between);
}

function decode(value: unknown): string {
  const bytes = fromBase64(textArgument(value, 'fromBase64(text)'));
  const text = bytes === null ? null : fromUtf8(bytes);
  if (text === null) throw new ExpressionError('not_base64', 'fromBase64(text): this is not base64 of a text.');
  return text;
}

function urlEncode(value: unknown): string {
  try {
    return boundedText(encodeURIComponent(textOf(value)));
  } catch (cause) {
    throw new ExpressionError('not_text', 'urlEncode(value): the text holds half a character.', { cause });
  }
}

/** Text. Both forms, `f(text)` and `text.f()`, exist where the table says so. */
export const TEXT_FUNCTIONS: readonly ExpressionFunction[] = [
  {
    name: 'like',
    usage: 'like(text, pattern)',
    help: 'Whether a part of the text matches the pattern (RE2 syntax). ^ and $ tie it to the ends.',
    example: 'like("order-123", "^order-[0-9]+$")',
    result: true,
    signatures: ['like(dyn, dyn): bool', 'string.like(dyn): bool'],
    call: (text, source) =>
      pattern(textArgument(source, 'like(text, pattern)')).matcher(textArgument(text, 'like(text, pattern)')).find(),
  },
  {
    name: 'extract',
    usage: 'extract(text, pattern)',
    help: 'The first part that matches the pattern, or its first group; null when none does.',
    example: 'extract("total: 42 EUR", "([0-9]+) EUR")',
    result: '42',
    signatures: ['extract(dyn, dyn): dyn'],
    call: (text, source) =>
      firstMatch(textArgument(text, 'extract(text, pattern)'), pattern(textArgument(source, 'extract(text, pattern)'))),
  },
  {
    name: 'lower',
    usage: 'lower(text)',
    help: 'In small letters.',
    example: 'lower("Hello")',
    result: 'hello',
    signatures: ['lower(dyn): string', 'string.lower(): string'],
    call: (text) => textArgument(text, 'lower(text)').toLowerCase(),
  },
  {
    name: 'upper',
    usage: 'upper(text)',
    help: 'In capital letters.',
    example: 'upper("Hello")',
    result: 'HELLO',
    signatures: ['upper(dyn): string', 'string.upper(): string'],
    call: (text) => boundedText(textArgument(text, 'upper(text)').toUpperCase()),
  },
  {
    name: 'trim',
    usage: 'trim(text)',
    help: 'Without white space at the ends.',
    example: 'trim("  a b ")',
    result: 'a b',
    signatures: ['trim(dyn): string'],
    call: (text) => textArgument(text, 'trim(text)').trim(),
  },
  {
    name: 'split',
    usage: 'split(text, separator)',
    help: 'The parts between the separators.',
    example: 'split("a,b", ",")',
    result: ['a', 'b'],
    signatures: ['split(dyn, dyn): list<string>'],
    call: (text, by) => textArgument(text, 'split(text, separator)').split(textArgument(by, 'split(text, separator)')),
  },
  {
    name: 'join',
    usage: 'join(list, separator)',
    help: 'The items as one text. Items that are not text are written as JSON.',
    example: 'join(["a", 1], "-")',
    result: 'a-1',
    signatures: ['join(dyn): string', 'join(dyn, dyn): string'],
    call: joinList,
  },
  {
    name: 'replace',
    usage: 'text.replace(part, by)',
    help: 'Every occurrence of the part, taken literally, replaced.',
    example: '"a.b.c".replace(".", "/")',
    result: 'a/b/c',
    signatures: ['string.replace(dyn, dyn): string', 'replace(dyn, dyn, dyn): string'],
    call: replaceLiteral,
  },
  {
    name: 'substring',
    usage: 'substring(text, from, to)',
    help: 'The characters from one place up to another; negative places count from the end.',
    example: 'substring("abcdef", 1, -1)',
    result: 'bcde',
    signatures: [
      'substring(dyn, dyn): string',
      'substring(dyn, dyn, dyn): string',
      'string.substring(double): string',
      'string.substring(double, double): string',
      'string.substring(int, double): string',
      'string.substring(double, int): string',
    ],
    call: slice,
  },
  {
    name: 'lines',
    usage: 'lines(text)',
    help: 'The lines of a text.',
    example: 'lines("a\\nb")',
    result: ['a', 'b'],
    signatures: ['lines(dyn): list<string>'],
    call: (text) => textArgument(text, 'lines(text)').split(/\r?\n/),
  },
  {
    name: 'base64',
    usage: 'base64(text)',
    help: 'The text as base64 (of its UTF-8 bytes).',
    example: 'base64("hi ✓")',
    result: 'aGkg4pyT',
    signatures: ['base64(dyn): string'],
    call: (text) => boundedText(toBase64(toUtf8(textArgument(text, 'base64(text)')))),
  },
  {
    name: 'fromBase64',
    usage: 'fromBase64(text)',
    help: 'The text that was written as base64.',
    example: 'fromBase64("aGkg4pyT")',
    result: 'hi ✓',
    signatures: ['fromBase64(dyn): string'],
    call: decode,
  },
  {
    name: 'urlEncode',
    usage: 'urlEncode(value)',
    help: 'Safe inside a part of an address.',
    example: 'urlEncode("a b&c")',
    result: 'a%20b%26c',
    signatures: ['urlEncode(dyn): string'],
    call: urlEncode,
  },
];

function firstMatch(text: string, compiled: RE2JS): string | null {
  const matcher = compiled.matcher(text);
  if (!matcher.find()) return null;
  return matcher.groupCount() > 0 ? matcher.group(1) : matcher.group();
}
