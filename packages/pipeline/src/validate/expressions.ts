import { ancestry, type ComesBefore } from '../ancestry.ts';
import type { Node } from '../document.ts';
import { compile } from '../expression/compile.ts';
import { ExpressionError } from '../expression/error.ts';
import { LOOP_NAMES, SCOPE_NAMES } from '../expression/scope.ts';
import type { Graph, GraphNode } from '../graph.ts';
import { expressionsOf, type PlacedExpression } from '../run-scope.ts';
import { nearest } from './nearest.ts';
import { errorProblem, type Problem } from './problem.ts';

/** Names of the language itself that stand where a variable could. */
const LANGUAGE_NAMES = new Set([
  'cel',
  'google',
  'optional',
  'int',
  'uint',
  'double',
  'string',
  'bool',
  'bytes',
  'list',
  'map',
  'type',
  'null_type',
]);

/** Expressions that parse and refer to what exists and comes before. */
export function checkExpressions(graph: Graph): readonly Problem[] {
  const comesBefore = ancestry(graph);
  return [...graph.nodes.values()].flatMap((at) => checkNode(graph, at, comesBefore));
}

function checkNode(graph: Graph, at: GraphNode, comesBefore: ComesBefore): readonly Problem[] {
  const placed = placedIn(at.node);
  if ('problems' in placed) return placed.problems;
  return placed.flatMap((one) => checkExpression(graph, at.node, one, comesBefore));
}

function placedIn(node: Node): readonly PlacedExpression[] | { readonly problems: readonly Problem[] } {
  try {
    return expressionsOf(node);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return {
      problems: [
        errorProblem(error.code, error.message, {
          node: node.id,
          ...(error.hint === undefined ? {} : { hint: error.hint }),
        }),
      ],
    };
  }
}

function checkExpression(
  graph: Graph,
  node: Node,
  placed: PlacedExpression,
  comesBefore: ComesBefore,
): readonly Problem[] {
  try {
    const { references } = compile(placed.source);
    const names = [
      ...SCOPE_NAMES,
      ...(graph.nodes.get(node.id)?.loop == null ? [] : LOOP_NAMES),
      ...(node.type === 'agent' && placed.path[0] === 'accept' ? ['answer', 'lastResult'] : []),
    ];
    const ids = [...new Set(references.steps.map((step) => step.id))];
    const steps = ids.flatMap((id) => checkStep(graph, node, { id, path: placed.path }, comesBefore));
    return [...steps, ...references.names.flatMap(({ name }) => checkName(node, name, names, placed.path))];
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    const position = error.position === undefined ? '' : ` (at ${error.position + placed.start + 1})`;
    return [
      errorProblem(
        error.code === 'matches_refused' ? error.code : 'invalid_expression',
        `${placed.path.join('.')}: ${error.message}${position}`,
        { node: node.id, path: placed.path, ...(error.hint === undefined ? {} : { hint: error.hint }) },
      ),
    ];
  }
}

function checkStep(
  graph: Graph,
  node: Node,
  reference: { readonly id: string; readonly path: readonly (string | number)[] },
  comesBefore: ComesBefore,
): readonly Problem[] {
  const { id, path } = reference;
  if (!graph.nodes.has(id)) {
    const close = nearest(id, graph.order);
    return [
      errorProblem('unknown_step', `There is no step "${id}".`, {
        node: node.id,
        path,
        ...(close === null ? {} : { hint: `Did you mean "${close}"?` }),
      }),
    ];
  }
  const inside = hiddenBy(graph, id, node.id);
  if (inside !== null)
    return [
      errorProblem(
        'reference_into_loop',
        `"${id}" runs once per item of "${inside}", so outside of it there is no one output.`,
        {
          node: node.id,
          path,
          hint: `{{ steps.${inside}.output.items }} has the outputs of all iterations.`,
        },
      ),
    ];
  if (comesBefore(id, node.id)) return [];
  const self = id === node.id ? `"${id}" refers to itself.` : `"${id}" does not come before "${node.id}".`;
  return [
    errorProblem('step_not_upstream', self, {
      node: node.id,
      path,
      hint: 'An expression sees only steps from which its own can be reached.',
    }),
  ];
}

/** The loop that a step stands in and the other does not; null where both see each other. */
function hiddenBy(graph: Graph, id: string, from: string): string | null {
  const around = loopsAround(graph, from);
  return loopsAround(graph, id).find((loop) => !around.includes(loop)) ?? null;
}

function loopsAround(graph: Graph, id: string): readonly string[] {
  const loop = graph.nodes.get(id)?.loop ?? null;
  return loop === null ? [] : [loop, ...loopsAround(graph, loop)];
}

function checkName(
  node: Node,
  name: string,
  known: readonly string[],
  path: readonly (string | number)[],
): readonly Problem[] {
  if (known.includes(name) || LANGUAGE_NAMES.has(name)) return [];
  if (LOOP_NAMES.includes(name))
    return [
      errorProblem('unknown_name', `"${name}" exists only inside a loop.`, {
        node: node.id,
        path,
        hint: 'Connect this step after the "item" output of a Loop.',
      }),
    ];
  const close = nearest(name, known);
  return [
    errorProblem('unknown_name', `There is nothing called "${name}".`, {
      node: node.id,
      path,
      hint: close === null ? `Known: ${known.join(', ')}. Text stands in quotes.` : `Did you mean "${close}"?`,
    }),
  ];
}
