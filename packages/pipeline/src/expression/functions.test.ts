import { describe, expect, it } from 'vitest';
import type { Json } from '../event.ts';
import { ExpressionError } from './error.ts';
import { evaluateExpression } from './evaluate.ts';
import { EXPRESSION_FUNCTIONS } from './functions.ts';
import { resolveConfig } from './template.ts';

const scopeOf = (input: Json) => ({ run: { id: 'run-1', input }, steps: {}, trigger: input });
const value = (source: string, input: Json = null) => evaluateExpression(source, scopeOf(input));

/** What an expression ends in: `value`, the code of an error of ours, or what escaped. */
function endOf(source: string, input: Json = null): string {
  try {
    value(source, input);
    return 'value';
  } catch (error) {
    return error instanceof ExpressionError ? error.code : `not ours: ${String(error)}`;
  }
}

const nest = (depth: number): Json => {
  let inner: Json = 1;
  for (let i = 0; i < depth; i++) inner = [inner];
  return inner;
};

describe('every function on whatever it is given', () => {
  const odd: Json = {
    none: null,
    yes: true,
    minus: -1,
    vast: 1e308,
    empty: '',
    long: 'a'.repeat(50_000),
    proto: '__proto__',
    emoji: '👩‍👩‍👧',
    lone: '\ud800',
    zone: 'Europe/Berlin',
    time: '2026-03-29T02:30:00Z',
    list: Array.from({ length: 1_000_000 }, (_, i) => i),
    mixed: [1, 'a', null, [1], { a: 1 }],
    objects: [{ a: 1 }, { a: 'x' }, { b: 1 }],
    deep: nest(5_000),
    object: { a: 1, '👩‍👩‍👧': 2, toString: 'x' },
  };
  const names = Object.keys(odd).map((name) => `run.input.${name}`);

  it.each(EXPRESSION_FUNCTIONS.filter((one) => one.call !== undefined).map((one) => [one.name, one] as const))(
    '%s gives a value or an error of ours',
    (name, { signatures = [] }) => {
      const arities = new Set(signatures.filter((one) => one.startsWith(name)).map((one) => one.split(',').length));
      let calls = 0;
      for (const count of arities) {
        for (const [i, first] of names.entries()) {
          // Each value in the first place beside each other one, shifted, in the further places.
          for (let shift = 0; shift < (count === 1 ? 1 : names.length); shift++) {
            const rest = Array.from({ length: count - 1 }, (_, j) => names[(i + shift * (j + 1)) % names.length]);
            const source = `${name}(${[first, ...rest].join(', ')})`;
            expect(endOf(source, odd), source).not.toMatch(/^(not ours|expression_failed)/);
            calls += 1;
          }
        }
      }
      expect(calls).toBeGreaterThanOrEqual(names.length);
    },
  );
});

describe('work that is made to look small', () => {
  const big: Json = { list: Array.from({ length: 100_000 }, (_, i) => i), text: 'a'.repeat(90_000) };
  const wide: Json = { object: Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`k${i}`, i])) };
  it.each([
    ['range(10000).map(i, distinct(run.input.list))', big],
    ['range(10000).map(i, union(run.input.list, run.input.list))', big],
    ['flatten(range(10000).map(i, run.input.list))', big],
    ['concat(concat(run.input.list, run.input.list), run.input.list)', big],
    ['range(10000).map(i, sha256(run.input.text))', big],
    ['range(10000).map(i, hmacSha256(run.input.text, run.input.text))', big],
    ['range(10000).map(i, merge(run.input.object, run.input.object))', wide],
    ['range(10000).map(i, omit(run.input.object, []))', wide],
    ['repeat("ab", 1000000000)', null],
    ['repeat("", 1000000000)', null],
    ['padStart("a", 1000000000, "b")', null],
  ])('%s is refused', (source, input) => {
    expect(endOf(source, input)).toMatch(/^(too_much_work|too_large)$/);
  });

  it('reads one value of a wide object without walking it', () => {
    expect(value('size(pluck(range(1000).map(i, run.input.object), "k99999"))', wide)).toBe(1_000);
  });
});

/** K1. Each reaches for the host through what engines before us had in scope. */
const ESCAPES = [
  ...[
    'constructor',
    '__proto__',
    'prototype',
    '__defineGetter__',
    '__lookupGetter__',
    'valueOf',
    'toString',
    'hasOwnProperty',
  ],
  ...[
    'this',
    'self',
    'window',
    'global',
    'globalThis',
    'process',
    'require',
    'module',
    'exports',
    'import',
    'eval',
    'Function',
  ],
  'this.constructor.constructor("return process")()',
  '"".constructor.constructor("return 1")()',
  '[].constructor.constructor("return 1")()',
  '({}).constructor',
  'run.constructor.constructor("return process")().exit()',
  'run.input.constructor.name',
  'run["__proto__"].polluted',
  'steps.__proto__.polluted',
  'trigger["constructor"]["constructor"]("return this")()',
  'fromEntries([["__proto__", {"polluted": true}]])',
  'indexBy([{"k": "__proto__"}], "k")',
  'groupBy([{"k": "constructor"}], "k")',
  'countBy([{"k": "prototype"}], "k")',
  'json("{\\"__proto__\\": {\\"polluted\\": true}}")',
  'pick(run, ["constructor"]).constructor',
  'pluck([{}], "toString")',
  'minBy([{}], "constructor")',
  'process.env.HOME',
  'require("child_process").execSync("id")',
  '(() => 1)()',
  'new Date()',
  'import("node:fs")',
  'run.input.a.__proto__.__proto__',
  'x => x',
];

describe('K1: escapes', () => {
  const natives = () =>
    [Object.prototype, Array.prototype, String.prototype, Function.prototype, Map.prototype].map((one) =>
      Reflect.ownKeys(one).map((key) => [key, Reflect.getOwnPropertyDescriptor(one, key)?.value]),
    );

  it('are at least forty', () => expect(new Set(ESCAPES).size).toBeGreaterThanOrEqual(40));

  it.each(ESCAPES)('%s: an error of ours or plain text, and the host is as it was', (attempt) => {
    const before = natives();
    expect(endOf(attempt, { a: 1 })).not.toMatch(/^(value|not ours|expression_failed)/);
    expect(() => resolveConfig({ text: `before {{ ${attempt} }} after` }, scopeOf({ a: 1 }), [])).toThrow(
      ExpressionError,
    );
    // As data it is text like any other.
    expect(resolveConfig({ text: '{{ run.input }}' }, scopeOf(attempt), [])).toEqual({ text: attempt });
    expect(natives()).toEqual(before);
  });
});

it('K1: what an object literal says of its prototype is not in the result', () => {
  const result = value('merge({"__proto__": {"polluted": true}}, {})');
  expect(result).toEqual({});
  expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
});

describe('J7: keys that are no words', () => {
  it.each(['👩‍👩‍👧', 'ключ', 'a b', 'a.b', '{{', '"', ''])('%s', (key) => {
    const name = JSON.stringify(key);
    const input = { [key]: 1, rest: 2 };
    expect(value(`run.input[${name}]`, input)).toBe(1);
    expect(value(`pick(run.input, [${name}])`, input)).toEqual({ [key]: 1 });
    expect(value(`pluck([run.input], ${name})`, input)).toEqual([1]);
    expect(value('keys(run.input)', input)).toEqual([key, 'rest']);
  });
});

describe('times', () => {
  it.each([
    // The night in March in which 2:30 is not, and the one in October in which it is twice.
    ['zonedTime("2026-03-29T02:30:00", "Europe/Berlin")', '2026-03-29T01:30:00.000Z'],
    ['zonedTime("2026-10-25T02:30:00", "Europe/Berlin")', '2026-10-25T00:30:00.000Z'],
    ['addTime("2026-03-28T01:30:00Z", 1, "days", "Europe/Berlin")', '2026-03-29T01:30:00.000Z'],
    ['addTime("2026-03-28T12:00:00Z", 24, "hours", "Europe/Berlin")', '2026-03-29T12:00:00.000Z'],
    ['addTime("2026-03-28T12:00:00Z", 1, "days", "Europe/Berlin")', '2026-03-29T11:00:00.000Z'],
    ['addTime("2026-01-31T12:00:00Z", 1, "months")', '2026-02-28T12:00:00.000Z'],
    ['addTime("2024-02-29T12:00:00Z", 1, "years")', '2025-02-28T12:00:00.000Z'],
    ['startOf("2026-11-29T12:00:00Z", "week", "Europe/Berlin")', '2026-11-22T23:00:00.000Z'],
    ['startOf("2026-03-29T12:00:00Z", "day", "Europe/Berlin")', '2026-03-28T23:00:00.000Z'],
    ['formatTime("2026-11-25T12:00:00.007Z", "HH:mm:ss.SSS", "Asia/Kathmandu")', '17:45:00.007'],
    ['formatTime(timestamp("2026-11-25T12:00:00Z"), "yyyy")', '2026'],
  ])('%s', (source, expected) => expect(value(source)).toBe(expected));

  it.each([
    ['formatTime("2026-11-25", "yyyy", "Mars/Base")', 'unknown_zone'],
    ['formatTime("tomorrow", "yyyy")', 'wrong_argument'],
    ['formatTime("2026-13-45", "yyyy")', 'wrong_argument'],
    ['addTime("2026-11-25", 1e300, "days")', 'time_out_of_range'],
    ['addTime("2026-11-25", 1e300, "months")', 'time_out_of_range'],
    ['startOf("0099-05-05T00:00:00Z", "year")', 'time_out_of_range'],
    ['fromUnix(1e300)', 'time_out_of_range'],
    ['addTime("2026-11-25", 1, "toString")', 'wrong_argument'],
  ])('%s gives %s', (source, code) => expect(endOf(source)).toBe(code));
});

/** Length of the text, its SHA-256 and its HMAC under itself, as OpenSSL gives them: around the ends of blocks. */
it.each([
  [
    0,
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad',
  ],
  [
    55,
    '1afbd024252d6f8292735d7c1203359691f38c26c7cddbff5339b7e2166a80ea',
    'e26e9a3a63ad1e1839c55a987a14bc30ea1c554353444dd82e569cbad55e8309',
  ],
  [
    56,
    'b149c7bf3d8bf117be682a566c129102fa364e7e09dc0c8003beb3e8805be5ae',
    '00a5eedf2aa2708d5a3b269c2afb63ac147f0ad6e9705cc14cc6847d0ed30186',
  ],
  [
    64,
    '1235998a0c6780abdfdf3494add9d36c60c8179c2339f4cec8d730f26f5faef6',
    'c6bc53bc4379f13664ba3777ea9bc2b6468887c206055ef80cbd8559cdb6339f',
  ],
  [
    65,
    '9e802f2529ca7b69afacd4003a001948be5322d8270172f6e29d6b22ed10c299',
    'f3029db1e9e9542f4456cb418711cc474ee03b4f4680fe545e642ca73133e0e2',
  ],
  [
    119,
    '2845dd9502ffda288ee3bbc2d24a2dd2fea72580193b001853432a163e69d484',
    '45f6e895105e7e07e800389bee7dbd0c10c5a8533a9a704943b5087dbca180ce',
  ],
  [
    1000,
    '8740a9e419cf866db80523fb4522bd70b9fbe97dcdf5c4e150c15c197b9890c6',
    '06bfa65a30c68d7fff03d4e52b9aebe00fbf4f298d7f025262770ab13ae11c73',
  ],
] as const)('hashes %i characters as OpenSSL does', (length, digest, mac) => {
  const text = 'aé'.repeat(length).slice(0, length);
  expect(value('sha256(run.input)', text)).toBe(digest);
  expect(value('hmacSha256(run.input, run.input)', text)).toBe(mac);
});
