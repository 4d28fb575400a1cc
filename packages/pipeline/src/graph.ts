import type { Edge, Node, PipelineDocument } from './document.ts';
import { isTrigger } from './registry.ts';

/** A node with its edges, ready for the planner. */
export type GraphNode = {
  readonly node: Node;
  readonly trigger: boolean;
  readonly incoming: readonly Edge[];
  readonly outgoing: readonly Edge[];
  /** The innermost loop it stands in; null outside of loops. */
  readonly loop: string | null;
  /** Of a join that stops late branches: the nodes that lead nowhere but to it. Empty for others. */
  readonly lateBranches: readonly string[];
  /** Joins beside it that do not wait for it once they have gone on. */
  readonly leftBy: readonly string[];
};

/** A document's indexes. Compile once per revision and keep: all lookups are constant time. */
export type Graph = {
  readonly document: PipelineDocument;
  readonly nodes: ReadonlyMap<string, GraphNode>;
  /** Node ids in document order. */
  readonly order: readonly string[];
  readonly triggers: readonly string[];
  /** How many nodes have steps outside of loops, triggers left out. */
  readonly stepCount: number;
  /** The nodes directly inside each loop, in document order. */
  readonly bodies: ReadonlyMap<string, readonly string[]>;
};

/** The port of a loop behind which its body stands. */
export const ITEM_PORT = 'item';

/** Whether an edge leads from a loop into its body. */
export const entersBody = (nodes: Graph['nodes'], edge: Edge): boolean =>
  edge.from.port === ITEM_PORT && nodes.get(edge.from.node)?.node.type === 'loop';

/**
 * Indexes a document. Needs one without errors from `validate`; edges to nodes that do not exist are left out, so that
 * an unfinished draft can still be drawn. The body of a loop is not drawn but derived: it is what its `item` port leads to.
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
      loop: null,
      lateBranches: [],
      leftBy: [],
    });
  }
  findLoops(nodes);
  findLateBranches(nodes);
  const triggers = [...nodes.values()].filter((one) => one.trigger).map((one) => one.node.id);
  const bodies = new Map<string, string[]>();
  for (const [id, { loop }] of nodes) if (loop !== null) bodies.set(loop, [...(bodies.get(loop) ?? []), id]);
  const outside = [...nodes.values()].filter((one) => one.loop === null).length;
  return { document, nodes, order: [...nodes.keys()], triggers, stepCount: outside - triggers.length, bodies };
}

/** Gives each node its loop, sources first (Kahn); what stands on or behind a cycle stays outside. The first edge decides. */
function findLoops(nodes: Map<string, GraphNode>): void {
  const missing = new Map([...nodes].map(([id, at]) => [id, at.incoming.length]));
  const order = [...nodes.keys()].filter((id) => missing.get(id) === 0);
  for (let i = 0; i < order.length; i++) {
    const at = nodes.get(order[i] ?? '');
    if (at === undefined) continue;
    const [first] = at.incoming;
    const loop = first === undefined ? null : loopBehind(nodes, first);
    if (loop !== null) nodes.set(at.node.id, { ...at, loop });
    for (const edge of at.outgoing) {
      const left = (missing.get(edge.to.node) ?? 0) - 1;
      missing.set(edge.to.node, left);
      if (left === 0) order.push(edge.to.node);
    }
  }
}

/** The loop in which an edge ends: the one it enters, else that of its source. */
export function loopBehind(nodes: Graph['nodes'], edge: Edge): string | null {
  return entersBody(nodes, edge) ? edge.from.node : (nodes.get(edge.from.node)?.loop ?? null);
}

function findLateBranches(nodes: Map<string, GraphNode>): void {
  for (const [id, { node }] of [...nodes]) {
    if (!stopsLate(node)) continue;
    const lateBranches = leadingOnlyTo(nodes, id);
    change(nodes, id, (at) => ({ ...at, lateBranches }));
    for (const late of lateBranches) change(nodes, late, (at) => ({ ...at, leftBy: [...at.leftBy, id] }));
  }
}

function change(nodes: Map<string, GraphNode>, id: string, next: (at: GraphNode) => GraphNode): void {
  const at = nodes.get(id);
  if (at !== undefined) nodes.set(id, next(at));
}

const stopsLate = (node: Node): boolean =>
  node.type === 'join' && (node.config.mode === 'first' || node.config.mode === 'quorum');

/** Nodes of the join's own loop, or outside of loops with it, all of whose ways lead to the join. */
function leadingOnlyTo(nodes: Graph['nodes'], join: string): readonly string[] {
  const loop = nodes.get(join)?.loop ?? null;
  const late = new Set<string>([join]);
  const queue = [join];
  for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
    for (const { from } of nodes.get(id)?.incoming ?? []) {
      const at = nodes.get(from.node);
      if (at === undefined || at.trigger || at.loop !== loop || late.has(from.node)) continue;
      if (!leavingEdges(nodes, at).every((edge) => late.has(edge.to.node))) continue;
      late.add(from.node);
      queue.push(from.node);
    }
  }
  late.delete(join);
  return [...late];
}

/** A node's edges to nodes beside it: those into a loop's own body left out. */
export const leavingEdges = (nodes: Graph['nodes'], at: GraphNode): readonly Edge[] =>
  at.node.type === 'loop' ? at.outgoing.filter((edge) => !entersBody(nodes, edge)) : at.outgoing;

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
