import { z } from 'zod';
import type { Node } from './document.ts';
import type { Failure, Json } from './event.ts';
import { ExpressionError } from './expression/error.ts';
import type { Scope } from './expression/scope.ts';
import { nodeType } from './registry.ts';

/** What a pure step gives: its output and ports, or why it has none. Other types throw. */
export function evaluatePure(
  node: Node,
  scope: Scope,
): { readonly output: Json; readonly ports: readonly string[] } | { readonly failure: Failure } {
  const evaluate = nodeType(node.type)?.evaluate;
  if (evaluate === undefined) throw new Error(`"${node.type}" is not a pure node type`);
  try {
    return evaluate(node.config, scope);
  } catch (error) {
    return { failure: failureOf(node, error) };
  }
}

/** Expression and config errors as failures of a step; anything else is a bug and goes on up. */
function failureOf(node: Pick<Node, 'id'>, error: unknown): Failure {
  if (error instanceof ExpressionError)
    return {
      code: error.code,
      message: error.message,
      node: node.id,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    };
  if (error instanceof z.ZodError) {
    const [issue] = error.issues;
    return {
      code: 'config_invalid',
      message: `${issue?.path.join('.') ?? 'config'}: ${issue?.message ?? 'does not fit'}`,
      node: node.id,
    };
  }
  throw error;
}
