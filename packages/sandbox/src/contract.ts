/** Any JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Bounds of one call. */
export type SandboxLimits = {
  /** Wall time of one call. At the deadline the interpreter is interrupted; 500 ms later its process is killed. Default 10,000. */
  readonly timeoutMs: number;
  /** Bytes the code may hold. Default 64 MiB. */
  readonly memoryBytes: number;
  /** Characters of the result, and of the console, each. Default 1 Mi. */
  readonly outputChars: number;
};

/** Bounds that differ from the defaults, and a way to stop the call. */
export type SandboxOptions = { readonly limits?: Partial<SandboxLimits>; readonly signal?: AbortSignal };

/**
 * JavaScript away from everything: no network, files, timers, process or secrets. Each call has a fresh interpreter.
 * Every method rejects with `SandboxError`.
 */
export interface Sandbox {
  /** Runs a script; `text` is `String(value)` of its last expression (a promise is awaited). */
  runScript(
    code: string,
    options?: SandboxOptions,
  ): Promise<{ readonly text: string; readonly console: readonly string[] }>;
  /** Runs a function body over `input`; `value` is what it returned, as JSON (undefined becomes null). May use `await`. */
  runFunction(
    code: string,
    input: Json,
    options?: SandboxOptions,
  ): Promise<{ readonly value: Json; readonly console: readonly string[] }>;
  /** Kills the children. Calls under way reject with `sandbox_closed`. */
  close(): Promise<void>;
}

/** Stable codes of `SandboxError`. */
export type SandboxErrorCode =
  | 'sandbox_timeout'
  | 'sandbox_memory'
  | 'sandbox_error'
  | 'sandbox_output'
  | 'sandbox_crashed'
  | 'sandbox_closed'
  | 'sandbox_aborted';

/** Why code did not give a value. `line` (from 1, of the caller's code) where known. `message` is one line. */
export class SandboxError extends Error {
  override readonly name = 'SandboxError';
  readonly code: SandboxErrorCode;
  readonly line: number | null;

  constructor(code: SandboxErrorCode, message: string, line: number | null = null) {
    super(message);
    this.code = code;
    this.line = line;
  }
}
