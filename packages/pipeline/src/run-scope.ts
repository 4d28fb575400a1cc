import type { Node } from './document.ts';
import type { Json, StoredValue } from './event.ts';
import { compile } from './expression/compile.ts';
import { ExpressionError } from './expression/error.ts';
import type { Scope, StepScope } from './expression/scope.ts';
import { isTemplate, parseTemplate, resolveConfig } from './expression/template.ts';
import type { RunState, StepState } from './fold.ts';
import type { Graph } from './graph.ts';
import { nodeType } from './registry.ts';

/** An expression in a node's config and where it stands. */
export type PlacedExpression = {
  readonly path: readonly (string | number)[];
  readonly source: string;
  readonly start: number;
};

/** Fields of a node's config that are expressions themselves, by node type; every other string may be a template. */
const EXPRESSION_FIELDS: Readonly<Record<string, readonly string[]>> = { transform: ['expression'], agent: ['accept'] };

/**
 * Every expression in a node's config: CEL fields, conditions of a branch, and what stands in `{{ }}`. Throws
 * `ExpressionError` for a template whose braces do not close.
 */
export function expressionsOf(node: Pick<Node, 'type' | 'config'>): readonly PlacedExpression[] {
  const verbatim = nodeType(node.type)?.verbatim ?? [];
  const placed: PlacedExpression[] = [];
  for (const [name, value] of Object.entries(node.config)) {
    if (EXPRESSION_FIELDS[node.type]?.includes(name) && typeof value === 'string')
      placed.push({ path: [name], source: value, start: 0 });
    else if (node.type === 'branch' && name === 'cases') placed.push(...conditions(value));
    else if (!verbatim.includes(name)) templatesIn(value, [name], placed);
  }
  return placed;
}

function conditions(cases: Json): PlacedExpression[] {
  if (!Array.isArray(cases)) return [];
  return cases.flatMap((one, i) => {
    const when = one !== null && typeof one === 'object' && !Array.isArray(one) ? one.when : null;
    return typeof when === 'string' ? [{ path: ['cases', i, 'when'], source: when, start: 0 }] : [];
  });
}

function templatesIn(value: Json, path: readonly (string | number)[], placed: PlacedExpression[]): void {
  if (typeof value === 'string') placed.push(...templateExpressions(value, path));
  else if (Array.isArray(value)) for (const [i, item] of value.entries()) templatesIn(item, [...path, i], placed);
  else if (value !== null && typeof value === 'object') {
    for (const [name, item] of Object.entries(value)) templatesIn(item, [...path, name], placed);
  }
}

function templateExpressions(text: string, path: readonly (string | number)[]): readonly PlacedExpression[] {
  if (!isTemplate(text)) return [];
  const expressions = parseTemplate(text).filter((part) => 'expression' in part);
  return expressions.map(({ expression, start }) => ({ path, source: expression, start }));
}

const referenced = new WeakMap<object, readonly string[] | null>();

/** Ids of the steps a node's config refers to; null when it may refer to any. Texts that do not parse refer to none. */
function referencedSteps(node: Node): readonly string[] | null {
  const known = referenced.get(node);
  if (known !== undefined) return known;
  const found = readReferencedSteps(node);
  referenced.set(node, found);
  return found;
}

function readReferencedSteps(node: Node): readonly string[] | null {
  try {
    const references = expressionsOf(node).map((one) => compile(one.source).references);
    if (references.some((one) => one.anyStep)) return null;
    return [...new Set(references.flatMap((one) => one.steps.map((step) => step.id)))];
  } catch (error) {
    // The config is evaluated right after this and fails there with the full message.
    if (error instanceof ExpressionError) return [];
    throw error;
  }
}

/**
 * The stored values a node's config may need: load those that are blobs, then call `scopeOf`. The run's input is always
 * among them.
 */
export function valuesNeeded(graph: Graph, state: RunState, node: Node): readonly StoredValue[] {
  const outputs = visibleSteps(graph, node).map((id) => state.steps.get(id)?.output ?? null);
  return [state.input, ...outputs].filter((value) => value !== null);
}

function visibleSteps(graph: Graph, node: Node): readonly string[] {
  return referencedSteps(node) ?? graph.order.filter((id) => graph.nodes.get(id)?.trigger === false);
}

/**
 * What a node's config sees: the run's input and the steps its expressions refer to, so that the cost does not grow
 * with the run. A step that did not run has output null. `load` gives the JSON of a stored value and must not fail.
 */
export function scopeOf(graph: Graph, state: RunState, node: Node, load: (value: StoredValue) => Json): Scope {
  const input = state.input === null ? null : load(state.input);
  const steps: Record<string, StepScope> = Object.create(null);
  for (const id of visibleSteps(graph, node)) {
    const at = graph.nodes.get(id);
    if (at?.trigger === true) steps[id] = { output: state.trigger?.node === id ? input : null, error: null };
    else if (at !== undefined) steps[id] = stepScope(state.steps.get(id), load);
  }
  return { run: { id: state.runId ?? '', input }, steps, trigger: input };
}

function stepScope(step: StepState | undefined, load: (value: StoredValue) => Json): StepScope {
  const output = step?.output ?? null;
  const failure = step?.failure ?? null;
  return { output: output === null ? null : load(output), error: failure === null ? null : failureJson(failure) };
}

function failureJson(failure: {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly details?: Json | undefined;
}): Json {
  const { code, message, hint, details } = failure;
  return { code, message, ...(hint === undefined ? {} : { hint }), ...(details === undefined ? {} : { details }) };
}

/**
 * A node's config with templates resolved, defaults filled in and checked against its type. Throws `ExpressionError`,
 * with code `config_invalid` when the resolved config does not fit; it names the field.
 */
export function resolveNodeConfig(node: Node, scope: Scope): Record<string, unknown> {
  const type = nodeType(node.type);
  if (type === null) throw new ExpressionError('unknown_node_type', `No node type "${node.type}".`);
  const parsed = type.config.safeParse(resolveConfig(node.config, scope, type.verbatim));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ExpressionError(
    'config_invalid',
    `${issue?.path.join('.') ?? 'config'}: ${issue?.message ?? 'does not fit'}`,
  );
}
