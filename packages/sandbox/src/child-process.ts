import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SandboxError } from './contract.ts';
import type { Answer, Work } from './messages.ts';
import { after } from './system.ts';

/** After the deadline the interpreter has this long to notice, then its process is killed. */
const GRACE_MS = 500;
/** For start and loading of the interpreter, once a child. */
const START_MS = 20_000;
const HEAP_MIB = 128;

/** One child. It is either free, or carries one call. */
export interface Child {
  /** False once it was killed or has died. */
  readonly alive: boolean;
  /** Carries one call; rejects with `SandboxError` when the child dies or is killed on the way. */
  carry(work: Work, signal: AbortSignal | undefined): Promise<Answer>;
  kill(why: SandboxError): void;
}

/** The child's script when none is named: its source beside this source, or its bundle beside the bundle this stands in. */
export function defaultEntry(): URL {
  const source = new URL('./child.ts', import.meta.url);
  return import.meta.url.endsWith('.ts') && existsSync(source)
    ? source
    : new URL('./sandbox-child.js', import.meta.url);
}

/** Starts a child with an empty environment. TypeScript sources are loaded through tsx, which only a checkout has. */
export function startChild(entry: URL): Child {
  const loader = entry.pathname.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : [];
  const process = fork(fileURLToPath(entry), [], {
    env: {},
    execArgv: [...loader, `--max-old-space-size=${HEAP_MIB}`, '--disallow-code-generation-from-strings'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    serialization: 'json',
  });
  process.unref();
  return watchChild(process);
}

function watchChild(process: ChildProcess): Child {
  let end: SandboxError | null = null;
  let fail: ((error: SandboxError) => void) | null = null;
  let words = '';
  process.stderr?.on('data', (data: Buffer) => {
    words = `${words}${data.toString()}`.slice(-500);
  });
  const die = (error: SandboxError): void => {
    end ??= error;
    fail?.(end);
  };
  process.on('error', (error) =>
    die(new SandboxError('sandbox_crashed', `the sandbox process failed: ${error.message}`)),
  );
  process.on('exit', (code, signal) =>
    die(
      new SandboxError(
        'sandbox_crashed',
        `the sandbox process ended (${signal ?? code}) ${words}`.replace(/\s+/g, ' ').trim(),
      ),
    ),
  );
  const ready = new Promise<void>((resolve) => process.once('message', () => resolve()));
  const kill = (why: SandboxError): void => {
    die(why);
    process.kill('SIGKILL');
  };
  return {
    get alive() {
      return end === null;
    },
    kill,
    carry(work, signal) {
      const untimed: (() => void)[] = [
        after(START_MS, () => kill(new SandboxError('sandbox_crashed', 'the sandbox process did not start'))),
      ];
      const onAbort = (): void => kill(new SandboxError('sandbox_aborted', 'the code was stopped'));
      return new Promise<Answer>((resolve, reject) => {
        fail = reject;
        if (end) return reject(end);
        if (signal?.aborted) return onAbort();
        signal?.addEventListener('abort', onAbort);
        ready.then(() => {
          untimed.pop()?.();
          untimed.push(
            after(work.limits.timeoutMs + GRACE_MS, () =>
              kill(new SandboxError('sandbox_timeout', `the code ran longer than ${work.limits.timeoutMs} ms`)),
            ),
          );
          process.once('message', (answer: Answer) => resolve(answer));
          if (end === null)
            process.send(
              work,
              (error) =>
                error &&
                die(new SandboxError('sandbox_crashed', `the sandbox process cannot be reached: ${error.message}`)),
            );
        });
      }).finally(() => {
        fail = null;
        for (const cancel of untimed) cancel();
        signal?.removeEventListener('abort', onAbort);
      });
    },
  };
}
