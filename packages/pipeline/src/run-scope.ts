import type { Node } from './document.ts';
import type { Json, StoredValue } from './event.ts';
import { compile } from './expression/compile.ts';
import { ExpressionError } from './expression/error.ts';
import { LOOP_NAMES, type Scope, type StepScope } from './expression/scope.ts';
import { isTemplate, parseTemplate, resolveConfig } from './expression/template.ts';
import type { RunState, StepState } from './fold.ts';
import { edgeReach } from './frontier.ts';
import type { Graph } from './graph.ts';
import type { LoopState } from './loop-state.ts';
import { nodeType } from './registry.ts';
import { iterationsAround, nodeOfStep, prefixOf, prefixOfIteration } from './step-key.ts';

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

/** What a node's config refers to. `steps` null: it may be any. */
type Referenced = { readonly steps: readonly string[] | null; readonly loops: boolean };

const referenced = new WeakMap<object, Referenced>();

/** What a node's config refers to. Texts that do not parse refer to nothing. */
function referencesOf(node: Node): Referenced {
  const known = referenced.get(node);
  if (known !== undefined) return known;
  const found = readReferences(node);
  referenced.set(node, found);
  return found;
}

function readReferences(node: Node): Referenced {
  try {
    const references = expressionsOf(node).map((one) => compile(one.source).references);
    return {
      steps: references.some((one) => one.anyStep)
        ? null
        : [...new Set(references.flatMap((one) => one.steps.map((step) => step.id)))],
      loops: references.some((one) => one.names.some(({ name }) => LOOP_NAMES.includes(name))),
    };
  } catch (error) {
    // The config is evaluated right after this and fails there with the full message.
    if (error instanceof ExpressionError) return { steps: [], loops: false };
    throw error;
  }
}

/** A step about to run: which node, under which key. */
export type StepPlace = { readonly node: Node; readonly key: string };

/**
 * The stored values a step's config may need: load those that are blobs, then call `scopeOf`. The run's input is always
 * among them.
 */
export function valuesNeeded(graph: Graph, state: RunState, place: StepPlace): readonly StoredValue[] {
  const outputs = visibleSteps(graph, place.node).map((id) => stepSeen(graph, state, place.key, id)?.output ?? null);
  const arrived = arrivedAt(graph, state, place).map((step) => step.output);
  const items = loopsSeen(state, place).map(({ loop }) => loop.items);
  return [state.input, ...outputs, ...arrived, ...items].filter((value) => value !== null);
}

function visibleSteps(graph: Graph, node: Node): readonly string[] {
  return referencesOf(node).steps ?? graph.order.filter((id) => graph.nodes.get(id)?.trigger === false);
}

/** The step of a node as it is seen from a key: the one in the same iteration, else in the nearest around it. */
function stepSeen(graph: Graph, state: RunState, key: string, id: string): StepState | undefined {
  const loop = graph.nodes.get(id)?.loop ?? null;
  if (loop === null) return state.steps.get(id);
  const around = iterationsAround(key).find((iteration) => nodeOfStep(iteration.loop) === loop);
  return around === undefined ? undefined : state.steps.get(prefixOfIteration(around) + id);
}

/** For a join: the steps whose edges into it have arrived, in the order they ended. */
function arrivedAt(graph: Graph, state: RunState, { node, key }: StepPlace): readonly StepState[] {
  if (node.type !== 'join') return [];
  const prefix = prefixOf(key);
  const sources = (graph.nodes.get(node.id)?.incoming ?? [])
    .filter((edge) => edgeReach(graph, edge, state, prefix) === 'arrived')
    .map((edge) => state.steps.get(prefix + edge.from.node))
    .filter((step) => step !== undefined);
  return [...new Set(sources)].sort((a, b) => a.settledSeq - b.settledSeq);
}

type LoopSeen = { readonly id: string; readonly index: number; readonly loop: LoopState };

/** The loops around a step, the innermost first, where its config refers to them. */
function loopsSeen(state: RunState, { node, key }: StepPlace): readonly LoopSeen[] {
  const { steps, loops } = referencesOf(node);
  if (!loops && steps !== null) return [];
  return iterationsAround(key).flatMap(({ loop: of, index }) => {
    const loop = state.steps.get(of)?.loop ?? null;
    return loop === null ? [] : [{ id: nodeOfStep(of), index, loop }];
  });
}

/**
 * What a step's config sees: the run's input, the steps its expressions refer to, and the items of the loops around it, so
 * that the cost does not grow with the run. A step that did not run has output null. `load` gives the JSON of a stored value
 * and must not fail.
 */
export function scopeOf(graph: Graph, state: RunState, place: StepPlace, load: (value: StoredValue) => Json): Scope {
  const input = state.input === null ? null : load(state.input);
  const steps: Record<string, StepScope> = Object.create(null);
  for (const id of visibleSteps(graph, place.node)) {
    const at = graph.nodes.get(id);
    if (at?.trigger === true) steps[id] = { output: state.trigger?.node === id ? input : null, error: null };
    else if (at !== undefined) steps[id] = stepScope(stepSeen(graph, state, place.key, id), load);
  }
  const scope: Scope = { run: { id: state.runId ?? '', input }, steps, trigger: input };
  const inLoop = loopScope(loopsSeen(state, place), load);
  if (place.node.type !== 'join') return { ...scope, ...inLoop };
  const arrivals = arrivedAt(graph, state, place).map(({ node, output }) => ({
    id: node,
    output: output === null ? null : load(output),
  }));
  return { ...scope, ...inLoop, arrivals };
}

function loopScope(
  around: readonly LoopSeen[],
  load: (value: StoredValue) => Json,
): Pick<Scope, 'item' | 'index' | 'loops'> {
  const [innermost] = around;
  if (innermost === undefined) return {};
  const loops: Record<string, { item: Json; index: number }> = Object.create(null);
  for (const { id, index, loop } of around) loops[id] = { item: itemAt(load(loop.items), index), index };
  return { item: loops[innermost.id]?.item ?? null, index: innermost.index, loops };
}

const itemAt = (items: Json, index: number): Json => (Array.isArray(items) ? (items[index] ?? null) : null);

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
