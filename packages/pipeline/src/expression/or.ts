import type { ASTNode, Environment } from '@marcbachmann/cel-js';

/*
 * `or(value, default)` as a macro: an ordinary function would have failed before it is called when the value names a
 * key that is not there. The shapes are those the library hands to macros (its README, "Custom macros").
 */
type Macro = { readonly args: readonly [ASTNode, ASTNode] };
type Checker = { check(ast: ASTNode, ctx: unknown): unknown; getType(name: string): unknown };
type Evaluator = { run(ast: ASTNode, ctx: unknown): unknown };

/** Codes of the library for "that is not there". */
const ABSENT = new Set<unknown>(['no_such_key', 'index_out_of_bounds']);

/** Adds `or` to an environment. */
export function installOr(environment: Environment): void {
  environment.registerFunction('or(ast, ast): dyn', ({ args }: Macro) => ({
    args,
    async: false,
    typeCheck(checker: Checker, macro: Macro, ctx: unknown) {
      for (const argument of macro.args) checker.check(argument, ctx);
      return checker.getType('dyn');
    },
    evaluate(evaluator: Evaluator, macro: Macro, ctx: unknown) {
      const value = valueOrAbsent(evaluator, macro.args[0], ctx);
      return value === null || value === undefined ? evaluator.run(macro.args[1], ctx) : value;
    },
  }));
}

function valueOrAbsent(evaluator: Evaluator, ast: ASTNode, ctx: unknown): unknown {
  try {
    return evaluator.run(ast, ctx);
  } catch (error) {
    if (error instanceof Error && 'code' in error && ABSENT.has(error.code)) return null;
    throw error;
  }
}
