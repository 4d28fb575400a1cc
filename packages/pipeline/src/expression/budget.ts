import type { Environment, ParseResult } from '@marcbachmann/cel-js';
import { ExpressionError } from './error.ts';

/** Work one evaluation may do: nodes visited, plus the sizes of what they gave, in parts. */
const MAX_WORK = 500_000;
const MAX_ITEMS = 200_000;
const MAX_CHARACTERS = 4_000_000;

type EvaluatedNode = { evaluate(evaluator: unknown, ast: unknown, ctx: unknown): unknown };
type Run = (ast: EvaluatedNode, ctx: unknown) => unknown;

/** An evaluation within the budget. `compared` holds the operands of `==`, `!=`, `in` and of functions that walk all they are given. */
export type BudgetedRun = (
  parsed: ParseResult,
  root: Readonly<Record<string, unknown>>,
  compared: ReadonlySet<object>,
) => unknown;

/**
 * Evaluates with a budget. The library has none, and nested `map`s over long lists, or a `cel.bind` that doubles a
 * list again and again, would stop the whole process. Its evaluator's `run` sees every operand; functions are called
 * with the evaluator as `this`, which is how it is reached. Throws at load when the library no longer works so.
 * Comparing goes as deep as its operands, so these are paid for in full.
 */
export function budgeted(environment: Environment): BudgetedRun {
  let left = MAX_WORK;
  let deep: ReadonlySet<object> = new Set();
  const evaluator = reachEvaluator(environment);
  const metered: Run = (ast, ctx) => {
    const value = ast.evaluate(evaluator, ast, ctx);
    left -= cost(value);
    if (left > 0 && deep.has(ast)) left -= deepCost(value, left);
    if (left < 0)
      throw new ExpressionError('too_much_work', 'The expression does too much work.', {
        hint: 'Use a code node for long lists.',
      });
    return value;
  };
  Object.defineProperty(evaluator, 'run', { value: metered });
  return (parsed, root, compared) => {
    left = MAX_WORK;
    deep = compared;
    return parsed(root);
  };
}

function cost(value: unknown): number {
  if (typeof value === 'string') {
    if (value.length > MAX_CHARACTERS)
      throw new ExpressionError('too_large', `A text inside the expression has ${value.length} characters.`);
    return 1 + value.length / 64;
  }
  if (!Array.isArray(value)) return 1;
  if (value.length > MAX_ITEMS)
    throw new ExpressionError('too_large', `A list inside the expression has ${value.length} items.`);
  return 1 + value.length / 16;
}

/** Values inside a value, counted up to a little over `limit`. */
function deepCost(value: unknown, limit: number): number {
  const open: unknown[] = [value];
  let visited = 0;
  while (open.length > 0 && visited <= limit) {
    const at = open.pop();
    visited++;
    if (typeof at === 'string') visited += at.length / 16;
    if (at === null || typeof at !== 'object') continue;
    const children = childrenOf(at);
    if (children.length > limit) return limit + 1;
    for (const child of children) open.push(child);
  }
  return visited;
}

function childrenOf(value: object): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return value instanceof Map ? [...value.values()] : Object.values(value);
}

function reachEvaluator(environment: Environment): object {
  const reached: object[] = [];
  environment.registerFunction('switchyardEvaluator(dyn): dyn', function (this: unknown, value: unknown) {
    if (this !== null && typeof this === 'object') reached.push(this);
    return value;
  });
  environment.evaluate('switchyardEvaluator(probe)', { probe: 1 });
  const [evaluator] = reached;
  if (evaluator === undefined || !('run' in evaluator))
    throw new Error('cel-js changed: its evaluator cannot be metered');
  return evaluator;
}
