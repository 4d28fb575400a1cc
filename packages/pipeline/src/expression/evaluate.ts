import type { Json } from '../event.ts';
import { compile } from './compile.ts';
import { ExpressionError } from './error.ts';
import { describe } from './function.ts';
import { type Scope, scopeRoot } from './scope.ts';
import { toJson } from './to-json.ts';

/** The value of a CEL expression as JSON. Total: it ends, within a fixed amount of work. Throws `ExpressionError`. */
export function evaluateExpression(source: string, scope: Scope): Json {
  return toJson(compile(source).evaluate(scopeRoot(scope)));
}

/** The value of an expression that must be true or false. Throws `ExpressionError`, `not_boolean` among others. */
export function evaluateCondition(source: string, scope: Scope): boolean {
  const value = evaluateExpression(source, scope);
  if (typeof value === 'boolean') return value;
  throw new ExpressionError('not_boolean', `The condition gives ${describe(value)}, not true or false.`, {
    hint: 'Compare it: value == …, size(value) > 0.',
  });
}
