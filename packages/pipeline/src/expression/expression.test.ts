import { describe, expect, it } from 'vitest';
import type { Json } from '../event.ts';
import { ExpressionError } from './error.ts';
import { evaluateCondition, evaluateExpression } from './evaluate.ts';
import { EXPRESSION_FUNCTIONS } from './functions.ts';
import type { Scope } from './scope.ts';

const scope = (input: Json, steps: Scope['steps'] = {}): Scope => ({
  run: { id: 'run-1', input },
  steps,
  trigger: input,
});
const value = (source: string, input: Json = { a: 1 }, steps: Scope['steps'] = {}) =>
  evaluateExpression(source, scope(input, steps));

/** Code of the error an expression gives. */
function codeOf(source: string, input: Json = { a: 1 }): string {
  try {
    return `value ${JSON.stringify(value(source, input))}`;
  } catch (error) {
    return error instanceof ExpressionError ? error.code : `not ours: ${String(error)}`;
  }
}

describe('the function table', () => {
  it.each(EXPRESSION_FUNCTIONS.map((one) => [one.example, one.result] as const))('%s', (example, result) => {
    expect(value(example)).toEqual(result);
  });

  it('has a use and a help text for each of at least 60 functions', () => {
    expect(EXPRESSION_FUNCTIONS.length).toBeGreaterThanOrEqual(60);
    expect(EXPRESSION_FUNCTIONS.filter((one) => one.usage === '' || one.help === '')).toEqual([]);
    expect(new Set(EXPRESSION_FUNCTIONS.map((one) => one.name)).size).toBe(EXPRESSION_FUNCTIONS.length);
  });
});

describe('values', () => {
  it.each<readonly [string, Json, Json]>([
    ['run.input.n + 1', { n: 41 }, 42],
    ['1 + run.input.n', { n: 1.5 }, 2.5],
    ['run.input.n * 2 / 4', { n: 3 }, 1.5],
    ['run.input.n % 2 == 1', { n: 7 }, true],
    ['7 / 2', null, 3],
    ['run.input.n == 1 && run.input.n in [1, 2]', { n: 1 }, true],
    ['run.input.items[run.input.at].name', { items: [{ name: 'x' }, { name: 'y' }], at: 1 }, 'y'],
    ['run.input.items.filter(i, i.n > 1).map(i, i.n * 2)', { items: [{ n: 1 }, { n: 2.5 }] }, [5]],
    ['{"a": run.input.x, "b": [1, "two", null]}', { x: true }, { a: true, b: [1, 'two', null] }],
    ['run.input.?x.orValue("d")', {}, 'd'],
    ['or(run.input.x.y.z, "d")', { x: {} }, 'd'],
    ['or(run.input.list[3], "d")', { list: [1] }, 'd'],
    ['or(run.input.x, "d")', { x: false }, false],
    ['run.input.text.substring(run.input.from)', { text: 'abcdef', from: 2 }, 'cdef'],
    ['run.id', null, 'run-1'],
    ['trigger.a', { a: 'same' }, 'same'],
    ['replace("a+b", "+", "$&")', null, 'a$&b'],
    ['"ä✓😀".size()', null, 3],
    ['fromBase64(base64("ä✓😀"))', null, 'ä✓😀'],
    ['run.input == {"a": 1, "b": [1, 2]}', { b: [1, 2], a: 1 }, true],
    ['string(9007199254740993)', null, '9007199254740993'],
    ['b"hi"', null, 'aGk='],
  ])('%s', (source, input, expected) => {
    expect(value(source, input)).toEqual(expected);
  });

  it('reads steps that ran and steps that failed', () => {
    const steps = {
      fetch: { output: { body: { total: 5 } }, error: null },
      bad: { output: null, error: { code: 'timed_out', message: 'm' } },
    };
    expect(value('steps.fetch.output.body.total + 1', null, steps)).toBe(6);
    expect(value('steps["bad"].error.code', null, steps)).toBe('timed_out');
    expect(value('steps.bad.output == null', null, steps)).toBe(true);
  });

  it('takes further names where the caller gives them', () => {
    expect(
      evaluateCondition('size(answer) > 2 && contains', { ...scope(null), extra: { answer: 'yes', contains: true } }),
    ).toBe(true);
  });
});

describe('errors', () => {
  it.each([
    ['1 +', 'syntax'],
    ['run.input.missing', 'no_such_key'],
    ['nobody', 'unknown_variable'],
    ['nofunction(1)', 'no_matching_overload'],
    ['"a" + 1', 'no_such_overload'],
    ['1 / 0', 'division_by_zero'],
    ['1.0 / 0.0', 'not_json'],
    ['9007199254740993', 'number_too_large'],
    ['type(1)', 'not_json'],
    ['json("{")', 'not_json'],
    ['lower(1)', 'wrong_argument'],
    ['min([])', 'empty_list'],
  ])('%s gives %s', (source, code) => {
    expect(codeOf(source)).toBe(code);
  });

  it('say where and what helps', () => {
    expect(() => value('  run.input.missing')).toThrow(
      expect.objectContaining({ position: 12, hint: expect.stringContaining('or(') }),
    );
  });

  it('say why an object with a key named constructor cannot be read', () => {
    expect(() => value('run.input.a', { a: 1, constructor: 'x' })).toThrow(
      expect.objectContaining({ code: 'unsupported_type', hint: expect.stringContaining('"constructor"') }),
    );
  });

  it('refuse a condition that is not true or false', () => {
    expect(() => evaluateCondition('run.input.a', scope({ a: 1 }))).toThrow(
      expect.objectContaining({ code: 'not_boolean' }),
    );
  });
});

describe('abuse', () => {
  it('refuses matches by name, wherever it stands, and points to like', () => {
    for (const source of [
      '"a".matches("(a+)+$")',
      '[1].map(x, "a".matches("b"))',
      'cel.bind(f, "a", f.matches("b"))',
    ]) {
      expect(() => value(source), source).toThrow(
        expect.objectContaining({ code: 'matches_refused', hint: expect.stringContaining('like(') }),
      );
    }
  });

  it('answers patterns that hang backtracking engines', () => {
    expect(value('like(run.input, "(a+)+$")', `${'a'.repeat(50_000)}!`)).toBe(false);
    expect(codeOf('like("a", "(?=a)")')).toBe('bad_pattern');
    expect(codeOf(`like("a", "${'a'.repeat(1_001)}")`)).toBe('pattern_too_long');
  });

  it.each([
    'run.input.constructor',
    'run.input.__proto__',
    'run.input["__proto__"]',
    'run.input.toString',
    'run.input.hasOwnProperty("a")',
    '"".constructor',
    '[].constructor',
    'steps.constructor',
    'run.input.a.constructor.constructor("return 1")()',
  ])('%s reaches nothing of the host', (source) => {
    expect(codeOf(source)).toMatch(
      /^(no_such_key|no_matching_overload|syntax|unknown_variable|unsupported_type|index_out_of_bounds|cannot_index_type|invalid_index_type)$/,
    );
  });

  it('gives results without a prototype and refuses keys that reach one', () => {
    expect(Object.getPrototypeOf(value('{"a": 1}'))).toBeNull();
    expect(codeOf('json("{\\"__proto__\\": {\\"x\\": 1}}")')).toBe('forbidden_key');
    expect(codeOf('run.input', JSON.parse('{"__proto__": {"polluted": true}}'))).toBe('forbidden_key');
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  it.each([
    ['loops in loops', 'range(9000).map(a, range(9000).map(b, a * b))'],
    ['a search in a search', 'run.input.filter(x, run.input.exists(y, y == x + 1))'],
    [
      'a list that doubles',
      `${Array.from({ length: 30 }, (_, i) => `cel.bind(v${i}, v${i - 1} + v${i - 1}, `)
        .join('')
        .replaceAll('v-1', 'range(100)')}size(v29)${')'.repeat(30)}`,
    ],
    [
      'a text that doubles',
      `${Array.from({ length: 40 }, (_, i) => `cel.bind(v${i}, v${i - 1} + v${i - 1}, `)
        .join('')
        .replaceAll('v-1', '"aaaaaaaaaa"')}size(v39)${')'.repeat(40)}`,
    ],
    ['a result that names one list 2^30 times', `[1]${'.map(x, [x, x])'.repeat(30)}`],
    ['a comparison of such results', `[1]${'.map(x, [x, x])'.repeat(25)} == [1]${'.map(x, [x, x])'.repeat(25)}`],
    [
      'a text joined too long',
      '[run.input[0]].map(x, range(10000).map(y, "a long text that grows and grows and grows and grows and grows and grows and grows and grows and grows and grows")).map(l, join(l, "-"))',
    ],
  ])('ends %s', (_name, source) => {
    const list: Json = Array.from({ length: 5_000 }, (_, i) => i);
    expect(codeOf(source, list)).toMatch(/^(too_much_work|too_large|too_deep|syntax)$/);
  });

  it('refuses expressions that are too long or too deep', () => {
    expect(codeOf('1'.repeat(20_000))).toBe('too_large');
    expect(codeOf(`${'('.repeat(2_000)}1${')'.repeat(2_000)}`)).toBe('syntax');
    // the parser's stack or our own limit ends it, whichever is smaller on this Node
    expect(['syntax', 'too_large']).toContain(codeOf(`${'!'.repeat(9_000)}true`));
  });

  it('does the ordinary work of a pipeline within its budget', () => {
    const orders = Array.from({ length: 3_000 }, (_, i) => ({ price: i / 10, count: 2 }));
    expect(value('round(run.input.map(o, o.price * o.count).sum(), 2)', orders)).toBe(899_700);
  });
});
