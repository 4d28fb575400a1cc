import type { Edge } from '../document.ts';
import { entersBody, type Graph, type GraphNode, loopBehind } from '../graph.ts';
import { errorProblem, type Problem, warning } from './problem.ts';

/** Bodies of loops that are closed in themselves, and joins that say what they need. */
export function checkLoops(graph: Graph): readonly Problem[] {
  return [...graph.nodes.values()].flatMap((at) => [
    ...mixedEdges(graph, at),
    ...(at.node.type === 'loop' ? emptyBody(graph, at) : []),
    ...(at.node.type === 'join' ? joinCount(at) : []),
  ]);
}

/** A step belongs to one loop or to none: all its edges must come from the same side. */
function mixedEdges(graph: Graph, at: GraphNode): readonly Problem[] {
  const [first, ...others] = at.incoming;
  if (first === undefined) return [];
  const odd = others.find((edge) => loopBehind(graph.nodes, edge) !== loopBehind(graph.nodes, first));
  if (odd === undefined) return [];
  const [inside, outside] = loopBehind(graph.nodes, first) === null ? [odd, first] : [first, odd];
  const loop = loopBehind(graph.nodes, inside) ?? '';
  return [
    errorProblem(
      'mixed_scope',
      `"${at.node.id}" is inside the loop "${loop}" by its edge from "${sourceOf(inside)}", and not inside it by that from "${sourceOf(outside)}".`,
      {
        node: at.node.id,
        edge: outside.id,
        hint: `What comes after the loop begins at the "done" output of "${loop}". A step inside reads others by {{ steps.ID.output }}, without an edge.`,
      },
    ),
  ];
}

const sourceOf = (edge: Edge): string => edge.from.node;

function emptyBody(graph: Graph, at: GraphNode): readonly Problem[] {
  if (at.outgoing.some((edge) => entersBody(graph.nodes, edge))) return [];
  return [
    warning('empty_loop', `Nothing follows the "item" output of "${at.node.id}", so its items are passed over.`, {
      node: at.node.id,
      hint: 'Connect the first step to be done for each item.',
    }),
  ];
}

function joinCount({ node, incoming }: GraphNode): readonly Problem[] {
  const { mode, count } = node.config;
  if (mode !== 'quorum') return [];
  if (count === undefined)
    return [
      errorProblem('quorum_without_count', `"${node.id}" does not say how many arrivals its quorum needs.`, {
        node: node.id,
        path: ['count'],
        hint: 'Set "How many".',
      }),
    ];
  if (typeof count !== 'number' || count <= incoming.length) return [];
  return [
    errorProblem('quorum_too_large', `"${node.id}" needs ${count} arrivals, and ${incoming.length} edges lead to it.`, {
      node: node.id,
      path: ['count'],
      hint: 'Lower the count, or connect more branches.',
    }),
  ];
}
