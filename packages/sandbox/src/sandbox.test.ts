import { afterAll, describe, expect, test } from 'vitest';
import { createSandbox, type Json, SandboxError } from './index.ts';

const sandbox = createSandbox({ children: 1 });
afterAll(() => sandbox.close());

const script = async (code: string): Promise<string> => (await sandbox.runScript(code)).text;
const body = async (code: string, input: Json = null): Promise<Json> => (await sandbox.runFunction(code, input)).value;

async function failure(run: Promise<unknown>): Promise<SandboxError> {
  const error = await run.then(
    (value) => expect.fail(`it gave ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof SandboxError)) throw error;
  return error;
}

describe('values', () => {
  test.each([
    ['280/(60+80)', '2'],
    ['15/100*80', '12'],
    ['const d = 3; d * 2', '6'],
    ['"text"', 'text'],
    ['[1,2,[3]]', '1,2,3'],
    ['({})', '[object Object]'],
    ['undefined', 'undefined'],
    ['Symbol("a")', 'Symbol(a)'],
    ['10n ** 20n', '100000000000000000000'],
    ['Promise.resolve(7)', '7'],
  ])('%s', async (code, text) => {
    expect(await script(code)).toBe(text);
  });

  test('a function body sees its input and returns JSON', async () => {
    expect(
      await body('const [first] = input.list; return { first, n: await Promise.resolve(input.list.length) }', {
        list: ['a', 'b'],
      }),
    ).toEqual({ first: 'a', n: 2 });
    expect(await body('')).toBeNull();
    expect(await body('return input', { text: 'quote " and \u2028 line' })).toEqual({
      text: 'quote " and \u2028 line',
    });
  });

  test('the console is collected', async () => {
    expect(
      (await sandbox.runScript('console.log("a", 1, {b: [2]}); console.error(new Error("x")); 0')).console,
    ).toEqual(['a 1 {"b":[2]}', 'Error: x']);
  });
});

describe('errors', () => {
  test.each([
    ['let a = 1;\nlet b = ;', 2, /SyntaxError/],
    ['\n\nfoo', 3, /ReferenceError: 'foo' is not defined/],
    ['throw new TypeError("no")', 1, /^TypeError: no$/],
    ['throw {a: 1}', null, /thrown: \{"a":1\}/],
    ['new Promise(() => {})', null, /never comes/],
  ])('%j', async (code, line, message) => {
    const error = await failure(sandbox.runScript(code));
    expect([error.code, error.line]).toEqual(['sandbox_error', line]);
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('\n');
  });

  test('lines of a function body count from its own first line', async () => {
    expect((await failure(sandbox.runFunction('let a;\nreturn a.b', null))).line).toBe(2);
  });

  test('what cannot be JSON is refused', async () => {
    for (const code of ['return () => 1', 'return 10n', 'const a = {}; a.a = a; return a'])
      expect((await failure(sandbox.runFunction(code, null))).code).toBe('sandbox_error');
  });
});

describe('abuse', () => {
  const short = { limits: { timeoutMs: 300 } };

  test.each([
    ['an endless loop', 'for(;;){}'],
    ['one that catches the interrupt', 'for(;;){ try { for(;;){} } catch {} }'],
    ['endless promises', 'const f = () => Promise.resolve().then(f); f()'],
    ['an endless toString', '({ toString() { for(;;); } })'],
    ['a regular expression that explodes', '/(a+)+$/.test("a".repeat(40) + "b")'],
    [
      'a native sort that does not look at the interrupt',
      'const a = Array.from({length: 3e6}, (_, i) => (i * 7919) % 3000001); for(;;) a.sort()',
    ],
  ])('%s ends at the deadline', async (_name, code) => {
    expect(
      (await failure(sandbox.runScript(code, { limits: { timeoutMs: 300, memoryBytes: 512 * 1024 * 1024 } }))).code,
    ).toBe('sandbox_timeout');
    expect(await script('1 + 1')).toBe('2');
  });

  test.each([
    ['many objects', 'const a = []; for(;;) a.push({ a: 1, b: [1, 2, 3] })'],
    ['large buffers', 'const a = []; for(;;) a.push(new Uint8Array(1e6))'],
    ['many strings', 'const a = []; for(;;) a.push("y".repeat(1e6))'],
  ])('memory is bounded: %s', async (_name, code) => {
    expect((await failure(sandbox.runScript(code, { limits: { memoryBytes: 16 * 1024 * 1024 } }))).code).toBe(
      'sandbox_memory',
    );
  });

  test('code that catches the lack of memory has not had more', async () => {
    const { text } = await sandbox.runScript(
      'const a = []; try { for(;;) a.push("y".repeat(1e6)) } catch {} a.length',
      { limits: { memoryBytes: 16 * 1024 * 1024 } },
    );
    expect(Number(text)).toBeLessThan(34);
  });

  test.each([
    '(function f() { return f() + 1 })()',
    'const o = { toString() { return String(o) } }; String(o)',
    'let a = []; for (let i = 0; i < 1e5; i++) a = [a]; JSON.stringify(a)',
    '"x".repeat(2 ** 30)',
  ])('recursion and string bombs are errors: %s', async (code) => {
    expect((await failure(sandbox.runScript(code))).code).toBe('sandbox_error');
    expect(await script('1 + 1')).toBe('2');
  });

  test('huge output is refused, a flood of the console is cut', async () => {
    expect((await failure(sandbox.runScript('"x".repeat(2e6)'))).code).toBe('sandbox_output');
    expect((await failure(sandbox.runFunction('return "x".repeat(2e6)', null))).code).toBe('sandbox_output');
    const flood = await sandbox.runScript('for (let i = 0; i < 50; i++) console.log("x".repeat(100)); 1', {
      limits: { outputChars: 1000 },
    });
    expect(flood.console.join('')).toHaveLength(1000);
  });

  test('nothing of the host is there', async () => {
    expect(
      await script(
        '["process","require","fetch","setTimeout","WebAssembly","__write","std","os","module"].filter(name => typeof globalThis[name] !== "undefined").join()',
      ),
    ).toBe('');
    expect(
      await script('(function () { return this.constructor.constructor("return typeof process")() }).call({})'),
    ).toBe('undefined');
    expect((await failure(sandbox.runScript('import("fs")'))).code).toBe('sandbox_error');
  });

  test('changed natives reach neither the result nor the next call', async () => {
    expect(
      await script(
        'String = () => "hacked"; JSON.stringify = () => "hacked"; Object.prototype.toString = () => "hacked"; globalThis.left = 1; 5',
      ),
    ).toBe('5');
    expect(await body('JSON.stringify = () => "\\"hacked\\""; Array.prototype.toJSON = undefined; return [1]')).toEqual(
      [1],
    );
    expect(await script('typeof left + String({})')).toBe('undefined[object Object]');
  });

  test('an object named __proto__ in the value stays data', async () => {
    const value = await body('return JSON.parse(\'{"__proto__": {"polluted": true}}\')');
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect('polluted' in Object.prototype).toBe(false);
  });

  test('closing brackets in a body stay inside', async () => {
    expect(await body('}); globalThis.z = 1; (function () {')).toBeNull();
  });

  test('an abort kills the code, and the next call has another child', async () => {
    const stop = new AbortController();
    const end = failure(sandbox.runScript('for(;;){}', { signal: stop.signal }));
    stop.abort();
    expect((await end).code).toBe('sandbox_aborted');
    expect(await script('3')).toBe('3');
  });

  test('calls beyond the children wait; closing ends them all', async () => {
    const own = createSandbox({ children: 1 });
    const calls = [own.runScript('1'), own.runScript('2'), own.runScript('for(;;){}', short), own.runScript('4')];
    expect((await Promise.allSettled(calls)).map((end) => end.status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    const left = failure(own.runScript('for(;;){}'));
    await own.close();
    expect((await left).code).toBe('sandbox_closed');
    expect((await failure(own.runScript('1'))).code).toBe('sandbox_closed');
  });
});
