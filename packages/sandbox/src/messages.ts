import type { Json, SandboxErrorCode, SandboxLimits } from './contract.ts';

/*
 * What parent and child say to each other over the IPC channel. Both ends are ours, yet the child runs foreign code in
 * its interpreter, so the parent reads only these shapes and takes nothing from them but text.
 */

/** One piece of work. `script`: value of the last expression as text. `function`: a body over `input`, its value as JSON text. */
export type Work = {
  readonly id: number;
  readonly mode: 'script' | 'function';
  readonly code: string;
  readonly input: Json;
  readonly limits: SandboxLimits;
};

/** `value` is the text, or JSON text. */
export type Done = {
  readonly id: number;
  readonly ok: true;
  readonly value: string;
  readonly console: readonly string[];
};
/** Why there is no value. */
export type Failed = {
  readonly id: number;
  readonly ok: false;
  readonly code: SandboxErrorCode;
  readonly message: string;
  readonly line: number | null;
};
/** The answer to one piece of work. */
export type Answer = Done | Failed;
