import type { Edge, Node, PipelineDocument } from './document.ts';
import { isTrigger } from './registry.ts';

/** A node with its edges, ready for the planner. */
export type GraphNode = {
  readonly node: Node;
  readonly trigger: boolean;
  readonly incoming: readonly Edge[];
  readonly outgoing: readonly Edge[];
};

/** A document's indexes. Compile once per revision and keep: all lookups are constant time. */
export type Graph = {
  readonly document: PipelineDocument;
  readonly nodes: ReadonlyMap<string, GraphNode>;
  /** Node ids in document order. */
  readonly order: readonly string[];
  readonly triggers: readonly string[];
  /** How many nodes have steps, triggers left out. */
  readonly stepCount: number;
};

/**
 * Indexes a document. Needs one without errors from `validate`; edges to nodes that do not exist are left out, so that
 * an unfinished draft can still be drawn.
 */
export function compileGraph(document: PipelineDocument): Graph {
  const incoming = new Map<string, Edge[]>(document.nodes.map((node) => [node.id, []]));
  const outgoing = new Map<string, Edge[]>(document.nodes.map((node) => [node.id, []]));
  for (const edge of document.edges) {
    const into = incoming.get(edge.to.node);
    const out = outgoing.get(edge.from.node);
    if (into === undefined || out === undefined) continue;
    into.push(edge);
    out.push(edge);
  }
  const nodes = new Map<string, GraphNode>();
  for (const node of document.nodes) {
    nodes.set(node.id, {
      node,
      trigger: isTrigger(node),
      incoming: incoming.get(node.id) ?? [],
      outgoing: outgoing.get(node.id) ?? [],
    });
  }
  const triggers = [...nodes.values()].filter((one) => one.trigger).map((one) => one.node.id);
  return { document, nodes, order: [...nodes.keys()], triggers, stepCount: nodes.size - triggers.length };
}

/** All nodes from which a node can be reached, itself left out unless it stands on a cycle. */
export function upstreamOf(graph: Graph, id: string): ReadonlySet<string> {
  const seen = new Set<string>();
  const open = [id];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    for (const edge of graph.nodes.get(at)?.incoming ?? []) {
      if (seen.has(edge.from.node)) continue;
      seen.add(edge.from.node);
      open.push(edge.from.node);
    }
  }
  return seen;
}
