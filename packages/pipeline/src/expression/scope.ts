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
  /** Of the innermost loop around the step; absent outside of loops. */
  readonly item?: Json;
  /** Number of the iteration from 0, with `item`. */
  readonly index?: number;
  /** Every loop around the step by its id. */
  readonly loops?: Readonly<Record<string, { readonly item: Json; readonly index: number }>>;
  /** For a join: the steps that arrived, in order. Not a name of the language. */
  readonly arrivals?: readonly { readonly id: string; readonly output: Json }[];
  readonly extra?: Readonly<Record<string, Json>>;
};

/** Names every expression may use. */
export const SCOPE_NAMES: readonly string[] = ['run', 'steps', 'trigger'];
/** Names an expression inside a loop may use besides. */
export const LOOP_NAMES: readonly string[] = ['item', 'index', 'loops'];

/** A scope as the evaluator wants it: null-prototype at the root, so no name reaches a host object. */
export function scopeRoot(scope: Scope): Readonly<Record<string, unknown>> {
  return Object.assign(Object.create(null), {
    run: scope.run,
    steps: scope.steps,
    trigger: scope.trigger,
    ...(scope.loops === undefined ? {} : { item: scope.item, index: scope.index, loops: scope.loops }),
    ...scope.extra,
  });
}
