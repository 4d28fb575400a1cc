import { type Child, defaultEntry, startChild } from './child-process.ts';
import { type Json, type Sandbox, SandboxError, type SandboxLimits, type SandboxOptions } from './contract.ts';
import type { Done, Work } from './messages.ts';

/** How a sandbox is run. */
export type SandboxSettings = {
  /** The child's script. Default: `child.ts` beside this source, or `sandbox-child.js` beside the bundle. */
  readonly entry?: URL;
  /** Children at most; calls beyond them wait. Default 2. Each is started when it is first needed. */
  readonly children?: number;
};

const DEFAULT_LIMITS: SandboxLimits = { timeoutMs: 10_000, memoryBytes: 64 * 1024 * 1024, outputChars: 1024 * 1024 };
const DEFAULT_CHILDREN = 2;

/** Failures after which a child is as good as new, since each call has its own instance. After others it may have grown or be broken. */
const HARMLESS = ['sandbox_error', 'sandbox_output', 'sandbox_timeout'];

/**
 * Runs JavaScript in QuickJS inside children of this process. A child that overruns, grows or crashes is killed and
 * replaced; it costs that call and no other. `close` must be called, else the children end with this process.
 */
export function createSandbox(settings: SandboxSettings = {}): Sandbox {
  const pool = createPool(settings.entry ?? defaultEntry(), settings.children ?? DEFAULT_CHILDREN);
  let lastId = 0;
  const run = async (mode: Work['mode'], code: string, input: Json, options: SandboxOptions = {}): Promise<Done> => {
    lastId += 1;
    return pool.run(
      { id: lastId, mode, code, input, limits: { ...DEFAULT_LIMITS, ...options.limits } },
      options.signal,
    );
  };
  return {
    async runScript(code, options) {
      const done = await run('script', code, null, options);
      return { text: done.value, console: done.console };
    },
    async runFunction(code, input, options) {
      const done = await run('function', code, input, options);
      const value: Json = JSON.parse(done.value);
      return { value, console: done.console };
    },
    close: async () => pool.close(),
  };
}

function createPool(entry: URL, most: number) {
  const free: Child[] = [];
  const all = new Set<Child>();
  const waiting: (() => void)[] = [];
  let closed = false;
  const closedError = (): SandboxError => new SandboxError('sandbox_closed', 'the sandbox was closed');

  const take = async (): Promise<Child> => {
    for (;;) {
      if (closed) throw closedError();
      for (let child = free.pop(); child; child = free.pop()) {
        if (child.alive) return child;
        all.delete(child);
      }
      if (all.size < most) {
        const child = startChild(entry);
        all.add(child);
        return child;
      }
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  };
  const giveBack = (child: Child, reuse: boolean): void => {
    if (reuse && child.alive) free.push(child);
    else {
      child.kill(new SandboxError('sandbox_crashed', 'the sandbox process was replaced'));
      all.delete(child);
    }
    waiting.shift()?.();
  };
  return {
    async run(work: Work, signal: AbortSignal | undefined): Promise<Done> {
      if (signal?.aborted) throw new SandboxError('sandbox_aborted', 'the code was stopped');
      const child = await take();
      let reuse = false;
      try {
        const answer = await child.carry(work, signal);
        reuse = answer.ok || HARMLESS.includes(answer.code);
        if (!answer.ok) throw new SandboxError(answer.code, answer.message, answer.line);
        return answer;
      } finally {
        giveBack(child, reuse);
      }
    },
    close(): void {
      closed = true;
      for (const child of all) child.kill(closedError());
      for (const wake of waiting.splice(0)) wake();
    },
  };
}
