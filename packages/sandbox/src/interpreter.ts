import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import {
  newQuickJSWASMModuleFromVariant,
  newVariant,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSRuntime,
  type QuickJSWASMModule,
  RELEASE_SYNC,
} from 'quickjs-emscripten';
import type { Answer, Failed, Work } from './messages.ts';
import { monotonicMs } from './system.ts';

/*
 * One call in a fresh QuickJS instance: no host object but `console`, which only collects text. Its memory is a
 * WebAssembly memory that cannot grow past the limit: QuickJS's own limit does not count what it allocates when compiled
 * to WebAssembly (measured: 2,141 strings of a million characters under a limit of 64 MiB). It is interrupted at the
 * deadline; native loops that do not look at the interrupt (sorting a large array) are ended from outside by the parent.
 */

const PAGE_BYTES = 65_536;
/** What an instance needs before any code runs. */
const FIRST_PAGES = 256;

/** Well below what the child's own stack carries, so that recursion ends in an error of the code and not of the host. */
const STACK_BYTES = 192 * 1024;
const FILE = 'code.js';

/** The wrapper's own line above the caller's first. */
const FUNCTION_HEAD = '(async function (input) {\n';

type Call = {
  readonly context: QuickJSContext;
  readonly runtime: QuickJSRuntime;
  readonly work: Work;
  readonly console: string[];
  readonly isLate: () => boolean;
};

/** Makes instances from code that was compiled once (174 ms); an instance takes about 10 ms. */
export type InterpreterFactory = (memoryBytes: number) => Promise<QuickJSWASMModule>;

/** Loads and compiles QuickJS. */
export async function loadInterpreter(): Promise<InterpreterFactory> {
  const resolve = createRequire(createRequire(import.meta.url).resolve('quickjs-emscripten')).resolve;
  const wasmModule = await WebAssembly.compile(await readFile(resolve('@jitl/quickjs-wasmfile-release-sync/wasm')));
  return (memoryBytes) => {
    const wasmMemory = new WebAssembly.Memory({
      initial: FIRST_PAGES,
      maximum: FIRST_PAGES + Math.ceil(memoryBytes / PAGE_BYTES),
    });
    return newQuickJSWASMModuleFromVariant(newVariant(RELEASE_SYNC, { wasmModule, wasmMemory }));
  };
}

/** Runs one piece of work to its answer; never throws for what the code does. */
export async function interpret(newInstance: InterpreterFactory, work: Work): Promise<Answer> {
  const module = await newInstance(work.limits.memoryBytes);
  const runtime = module.newRuntime();
  const deadline = monotonicMs() + work.limits.timeoutMs;
  const isLate = (): boolean => monotonicMs() > deadline;
  runtime.setMaxStackSize(STACK_BYTES);
  runtime.setInterruptHandler(isLate);
  const context = runtime.newContext();
  const call: Call = { context, runtime, work, console: [], isLate };
  try {
    addConsole(call);
    const read = prepareReader(call);
    const value = read(settle(call, evaluate(call)));
    return { id: work.id, ok: true, value, console: call.console };
  } catch (error) {
    if (error instanceof Refused) return error.answer;
    // native recursion (JSON of a deep value, a parser in deep brackets) uses the child's own stack
    if (error instanceof RangeError)
      return {
        id: work.id,
        ok: false,
        code: 'sandbox_error',
        message: 'the code or its data is nested too deeply',
        line: null,
      };
    return { id: work.id, ok: false, code: 'sandbox_crashed', message: String(error), line: null };
  } finally {
    dispose(context, runtime);
  }
}

/** After an interrupt QuickJS may still hold values; its own assertion about that must not replace the answer. */
function dispose(context: QuickJSContext, runtime: QuickJSRuntime): void {
  try {
    context.dispose();
    runtime.dispose();
  } catch {
    // the instance is dropped whole
  }
}

class Refused extends Error {
  readonly answer: Failed;
  constructor(answer: Failed) {
    super(answer.message);
    this.answer = answer;
  }
}

function evaluate(call: Call): QuickJSHandle {
  const { context, work } = call;
  if (work.mode === 'script') return unwrap(call, context.evalCode(work.code, FILE, { type: 'global' }));
  const input = unwrap(call, context.evalCode(`JSON.parse(${JSON.stringify(JSON.stringify(work.input))})`, 'input.js'));
  const body = unwrap(call, context.evalCode(`${FUNCTION_HEAD}${work.code}\n})`, FILE, { type: 'global' }));
  return unwrap(call, context.callFunction(body, context.undefined, input));
}

/** A promise's value, after all jobs have run; anything else as it is. There are no timers, so what is pending then stays so. */
function settle(call: Call, handle: QuickJSHandle): QuickJSHandle {
  const { context, runtime } = call;
  const jobs = runtime.executePendingJobs();
  if (jobs.error) throw refusal(call, jobs.error);
  // an interrupted job rejects its promise quietly
  if (call.isLate()) throw refusal(call, context.undefined);
  const state = context.getPromiseState(handle);
  if (state.type === 'fulfilled') return state.value;
  if (state.type === 'rejected') throw refusal(call, state.error);
  throw new Refused({
    id: call.work.id,
    ok: false,
    code: 'sandbox_error',
    message: 'the code waits for something that never comes',
    line: null,
  });
}

/** Takes the functions that turn the value into text before foreign code can replace them. */
function prepareReader(call: Call): (value: QuickJSHandle) => string {
  const { context, work } = call;
  const toText = unwrap(
    call,
    context.evalCode(
      work.mode === 'script'
        ? '(String => value => String(value))(String)'
        : `((stringify, TypeError) => value => {
            const text = stringify(value === undefined ? null : value);
            if (text === undefined) throw TypeError('the returned value cannot be written as JSON');
            return text;
          })(JSON.stringify, TypeError)`,
      'read.js',
    ),
  );
  return (value) => {
    const text = unwrap(call, context.callFunction(toText, context.undefined, value));
    const length = context.getProp(text, 'length').consume((handle) => context.getNumber(handle));
    if (length > work.limits.outputChars) {
      throw new Refused({
        id: work.id,
        ok: false,
        code: 'sandbox_output',
        message: `the result has ${length} characters, more than ${work.limits.outputChars}`,
        line: null,
      });
    }
    return context.getString(text);
  };
}

function addConsole(call: Call): void {
  const { context, console } = call;
  let left = call.work.limits.outputChars;
  const write = context.newFunction('write', (line) => {
    const text = context.getString(line).slice(0, left);
    left -= text.length;
    if (text !== '') console.push(text);
  });
  context.setProp(context.global, '__write', write);
  unwrap(
    call,
    context.evalCode(
      `(() => {
        const write = globalThis.__write, { stringify } = JSON, { isArray } = Array, text = String;
        delete globalThis.__write;
        const show = value => {
          if (typeof value !== 'object' || value === null || value instanceof Error) return text(value);
          try { return stringify(value) ?? text(value); } catch { return '[object]'; }
        };
        const log = (...values) => { let line = ''; for (const value of values) line += (line && ' ') + show(value); write(line); };
        globalThis.console = { log, info: log, warn: log, error: log, debug: log };
      })()`,
      'console.js',
    ),
  );
}

function unwrap(call: Call, result: ReturnType<QuickJSContext['evalCode']>): QuickJSHandle {
  if (result.error) throw refusal(call, result.error);
  return result.value;
}

function refusal(call: Call, error: QuickJSHandle): Refused {
  const { work } = call;
  const of = (code: Failed['code'], message: string, line: number | null): Refused =>
    new Refused({ id: work.id, ok: false, code, message, line });
  if (call.isLate()) return of('sandbox_timeout', `the code ran longer than ${work.limits.timeoutMs} ms`, null);
  const { name, message, stack } = describe(call, error);
  if (name === 'InternalError' && message === 'out of memory')
    return of('sandbox_memory', `the code used more than ${work.limits.memoryBytes} bytes`, null);
  const place = new RegExp(`${FILE}:(\\d+)`).exec(stack);
  const line = place ? Number(place[1]) - (work.mode === 'function' ? 1 : 0) : null;
  return of('sandbox_error', `${name === '' ? '' : `${name}: `}${message}`.replace(/\s+/g, ' ').slice(0, 1_000), line);
}

function describe(
  call: Call,
  error: QuickJSHandle,
): { readonly name: string; readonly message: string; readonly stack: string } {
  const { context } = call;
  const member = (name: string): string => {
    if (context.typeof(error) !== 'object') return '';
    const value = context.getProp(error, name);
    return context.typeof(value) === 'string' ? context.getString(value) : '';
  };
  try {
    // out of memory leaves QuickJS without the memory to make an error
    if (context.typeof(error) === 'object' && context.eq(error, context.null))
      return { name: 'InternalError', message: 'out of memory', stack: '' };
    const name = member('name');
    const message = member('message');
    if (name !== '' || message !== '') return { name, message, stack: member('stack') };
    return {
      name: '',
      message: `thrown: ${context.typeof(error) === 'object' ? JSON.stringify(context.dump(error)) : String(context.dump(error))}`,
      stack: '',
    };
  } catch {
    return { name: '', message: 'the code failed', stack: '' };
  }
}
