import type { Json } from '../event.ts';

/** What an expression sees of one step: null until it has ended, and where it has no such value. */
export type StepScope = { readonly output: Json; readonly error: Json };

/**
 * The names an expression may use. `trigger` equals `run.input`. Further names (`answer`, `lastResult` for an agent's
 * `accept`) go in `extra`. Values are only read.
 */
export type Scope = {
  readonly run: { readonly id: string; readonly input: Json };
  readonly steps: Readonly<Record<string, StepScope>>;
  readonly trigger: Json;
  readonly extra?: Readonly<Record<string, Json>>;
};

/** Names every expression may use. */
export const SCOPE_NAMES: readonly string[] = ['run', 'steps', 'trigger'];

/** A scope as the evaluator wants it: null-prototype at the root, so no name reaches a host object. */
export function scopeRoot(scope: Scope): Readonly<Record<string, unknown>> {
  return Object.assign(Object.create(null), {
    run: scope.run,
    steps: scope.steps,
    trigger: scope.trigger,
    ...scope.extra,
  });
}
