import type { Edge, PipelineDocument } from '../document.ts';
import type { Graph } from '../graph.ts';
import { nodeType, outputPorts } from '../registry.ts';
import { nearest } from './nearest.ts';
import { errorProblem, type Problem, warning } from './problem.ts';

/** Edges that join what exists, no cycle, everything reachable from a trigger. */
export function checkStructure(document: PipelineDocument, graph: Graph): readonly Problem[] {
  return [
    ...document.edges.flatMap((edge) => checkEdge(graph, edge)),
    ...doubledEdges(document),
    ...cycles(graph),
    ...unreachable(graph),
  ];
}

function checkEdge(graph: Graph, edge: Edge): readonly Problem[] {
  const from = graph.nodes.get(edge.from.node);
  const to = graph.nodes.get(edge.to.node);
  const problems: Problem[] = [];
  if (from === undefined) problems.push(missing(graph, edge, edge.from.node, 'from'));
  if (to === undefined) problems.push(missing(graph, edge, edge.to.node, 'to'));
  if (from !== undefined)
    problems.push(
      ...checkPort(
        edge,
        'from',
        outputPorts(from.node).map((port) => port.name),
        from.node.type,
      ),
    );
  if (to !== undefined)
    problems.push(
      ...checkPort(edge, 'to', nodeType(to.node.type)?.inputs.map((port) => port.name) ?? [], to.node.type),
    );
  return problems;
}

function missing(graph: Graph, edge: Edge, id: string, end: 'from' | 'to'): Problem {
  const close = nearest(id, graph.order);
  return errorProblem(
    'missing_node',
    `The edge "${edge.id}" ${end === 'from' ? 'comes from' : 'goes to'} "${id}", which does not exist.`,
    {
      edge: edge.id,
      path: [end, 'node'],
      ...(close === null ? { hint: 'Remove the edge.' } : { hint: `Did you mean "${close}"?` }),
    },
  );
}

function checkPort(edge: Edge, end: 'from' | 'to', ports: readonly string[], type: string): readonly Problem[] {
  const { node, port } = edge[end];
  if (nodeType(type) === null || ports.includes(port)) return [];
  if (ports.length === 0)
    return [
      errorProblem('edge_into_trigger', `The edge "${edge.id}" goes into "${node}", where runs begin.`, {
        edge: edge.id,
        node,
        path: [end, 'port'],
        hint: 'Remove the edge.',
      }),
    ];
  const hint =
    port === 'error' && end === 'from' ? 'Set "On error" of the node to its own port.' : `It has: ${ports.join(', ')}.`;
  return [
    errorProblem(
      'missing_port',
      `"${node}" has no ${end === 'from' ? 'output' : 'input'} port "${port}" (edge "${edge.id}").`,
      { edge: edge.id, node, path: [end, 'port'], hint },
    ),
  ];
}

function doubledEdges(document: PipelineDocument): readonly Problem[] {
  const seen = new Map<string, string>();
  const problems: Problem[] = [];
  for (const edge of document.edges) {
    const key = JSON.stringify([edge.from.node, edge.from.port, edge.to.node, edge.to.port]);
    const first = seen.get(key);
    if (first === undefined) seen.set(key, edge.id);
    else
      problems.push(
        errorProblem('duplicate_edge', `The edges "${first}" and "${edge.id}" join the same ports.`, {
          edge: edge.id,
          hint: 'Remove one of them.',
        }),
      );
  }
  return problems;
}

/** One problem per edge that closes a cycle, naming its nodes in order. */
function cycles(graph: Graph): readonly Problem[] {
  const state = new Map<string, 'open' | 'done'>();
  return graph.order.flatMap((root) => (state.has(root) ? [] : cyclesFrom(graph, root, state)));
}

/** Depth-first search without recursion: a chain may be 5,000 nodes long. */
function cyclesFrom(graph: Graph, root: string, state: Map<string, 'open' | 'done'>): readonly Problem[] {
  const problems: Problem[] = [];
  const path: { readonly id: string; next: number }[] = [{ id: root, next: 0 }];
  state.set(root, 'open');
  for (let at = path.at(-1); at !== undefined; at = path.at(-1)) {
    const target = graph.nodes.get(at.id)?.outgoing[at.next++]?.to.node;
    if (target === undefined) {
      state.set(at.id, 'done');
      path.pop();
    } else if (!state.has(target)) {
      state.set(target, 'open');
      path.push({ id: target, next: 0 });
    } else if (state.get(target) === 'open')
      problems.push(
        cycle(
          path.map((one) => one.id),
          target,
        ),
      );
  }
  return problems;
}

function cycle(path: readonly string[], back: string): Problem {
  const round = [...path.slice(path.indexOf(back)), back];
  return errorProblem('cycle', `These nodes wait for each other: ${round.join(' → ')}.`, {
    node: back,
    hint: 'Remove one of the edges between them.',
  });
}

function unreachable(graph: Graph): readonly Problem[] {
  const reached = new Set(graph.triggers);
  const open = [...graph.triggers];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    for (const edge of graph.nodes.get(at)?.outgoing ?? []) {
      if (reached.has(edge.to.node)) continue;
      reached.add(edge.to.node);
      open.push(edge.to.node);
    }
  }
  if (graph.triggers.length === 0) return [];
  return graph.order
    .filter((id) => !reached.has(id))
    .map((id) =>
      warning('unreachable', `No trigger leads to "${id}"; it will be skipped.`, {
        node: id,
        hint: 'Connect it, or remove it.',
      }),
    );
}
