import {
  type ASTNode,
  TypeError as CheckError,
  EvaluationError,
  ParseError,
  type ParseResult,
} from '@marcbachmann/cel-js';
import { budgeted } from './budget.ts';
import { createEnvironment } from './environment.ts';
import { ExpressionError } from './error.ts';
import { DEEP_FUNCTIONS } from './functions.ts';
import { type References, readReferences } from './references.ts';

/** Longest expression, in UTF-16 units. */
const MAX_EXPRESSION = 10_000;
const MAX_CACHED = 2_000;

/** A parsed expression. `evaluate` takes the root names; it throws `ExpressionError`. */
export type Compiled = {
  readonly source: string;
  readonly references: References;
  readonly evaluate: (root: Readonly<Record<string, unknown>>) => unknown;
};

const environment = createEnvironment();
const run = budgeted(environment);
const cache = new Map<string, Compiled>();

/** Parses and checks an expression; equal texts are parsed once. Throws `ExpressionError` with the position. */
export function compile(source: string): Compiled {
  const known = cache.get(source);
  if (known !== undefined) return known;
  if (source.length > MAX_EXPRESSION)
    throw new ExpressionError(
      'too_large',
      `An expression may have ${MAX_EXPRESSION} characters; this one has ${source.length}.`,
    );
  const parsed = parse(source);
  const compared = comparedOperands(parsed.ast);
  const compiled: Compiled = {
    source,
    references: readReferences(parsed.ast),
    evaluate: (root) => guarded(() => run(parsed, root, compared)),
  };
  if (cache.size >= MAX_CACHED) forgetOldest();
  cache.set(source, compiled);
  return compiled;
}

function forgetOldest(): void {
  const [oldest] = cache.keys();
  if (oldest !== undefined) cache.delete(oldest);
}

function parse(source: string): ParseResult {
  const parsed = guarded(() => environment.parse(source));
  refuseMatches(parsed.ast);
  const checked = parsed.check();
  if (!checked.valid && checked.error !== undefined) throw translate(checked.error);
  return parsed;
}

/** The library's `matches` runs host regular expressions, which a pattern can hang for minutes; it cannot be replaced. */
function refuseMatches(ast: ASTNode): void {
  for (const node of nodesOf(ast)) {
    if ((node.op === 'rcall' || node.op === 'call') && node.args[0] === 'matches') {
      throw new ExpressionError('matches_refused', 'matches() is not part of this language.', {
        position: node.start,
        hint: 'Write like(text, pattern).',
      });
    }
  }
}

function comparedOperands(ast: ASTNode): ReadonlySet<object> {
  const operands = new Set<object>();
  for (const node of nodesOf(ast)) {
    if (node.op === '==' || node.op === '!=' || node.op === 'in')
      for (const operand of node.args) operands.add(operand);
    if (node.op === 'call' && DEEP_FUNCTIONS.has(node.args[0]))
      for (const operand of node.args[1]) operands.add(operand);
  }
  return operands;
}

function* nodesOf(value: unknown): Generator<ASTNode> {
  if (Array.isArray(value)) for (const item of value) yield* nodesOf(item);
  else if (isNode(value)) {
    yield value;
    yield* nodesOf(value.args);
  }
}

/** True for a node of the library's syntax tree. */
function isNode(value: unknown): value is ASTNode {
  return value !== null && typeof value === 'object' && 'op' in value && 'args' in value;
}

function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw translate(error);
  }
}

/** The one place where the library's errors become ours. */
function translate(error: unknown): ExpressionError {
  if (error instanceof ExpressionError) return error;
  if (error instanceof ParseError || error instanceof EvaluationError || error instanceof CheckError) {
    if (error.cause instanceof ExpressionError) return error.cause;
    return new ExpressionError(codeOf(error), error.summary, {
      position: error.range?.start,
      hint: hintOf(error.code),
      cause: error,
    });
  }
  if (error instanceof RangeError)
    return new ExpressionError('too_large', 'The expression needs too much memory or depth.', { cause: error });
  return new ExpressionError('expression_failed', error instanceof Error ? error.message : String(error), {
    cause: error,
  });
}

const codeOf = (error: { readonly code: string }) => (error instanceof ParseError ? 'syntax' : error.code);

function hintOf(code: string): string | undefined {
  if (code === 'no_such_key') return 'or(value, default) gives a default where something may be missing.';
  if (code === 'no_such_overload') return 'Both sides must be of one kind: string(…) and number(…) convert.';
  if (code === 'unsupported_type') return 'An object that has a key "constructor" cannot be read by expressions.';
  return undefined;
}
