import type { Graph } from './graph.ts';

/** Answers whether a run may have settled `before` when `node` begins. */
export type ComesBefore = (before: string, node: string) => boolean;

/**
 * Who comes before whom, for all nodes at once: a row of bits per node, filled in topological order, so a document of n
 * nodes costs n²/32 word operations rather than a search per reference. Nodes on or behind a cycle have no such order;
 * for them every answer is yes, since the cycle itself is the problem to report.
 */
export function ancestry(graph: Graph): ComesBefore {
  const index = new Map(graph.order.map((id, i) => [id, i]));
  const words = Math.ceil(graph.order.length / 32);
  const rows = new Map<string, Uint32Array>();
  for (const id of topological(graph)) {
    const row = new Uint32Array(words);
    for (const edge of graph.nodes.get(id)?.incoming ?? [])
      addParent(row, index.get(edge.from.node) ?? 0, rows.get(edge.from.node));
    rows.set(id, row);
  }
  return (before, node) => {
    const row = rows.get(node);
    const bit = index.get(before);
    if (row === undefined || bit === undefined) return row === undefined;
    return ((row[bit >>> 5] ?? 0) & (1 << (bit & 31))) !== 0;
  };
}

function addParent(row: Uint32Array, bit: number, parent: Uint32Array | undefined): void {
  row[bit >>> 5] = (row[bit >>> 5] ?? 0) | (1 << (bit & 31));
  parent?.forEach((word, i) => {
    row[i] = (row[i] ?? 0) | word;
  });
}

/** Nodes after all their sources (Kahn); those on or behind a cycle are left out. */
function topological(graph: Graph): readonly string[] {
  const missing = new Map([...graph.nodes].map(([id, at]) => [id, at.incoming.length]));
  const order = graph.order.filter((id) => missing.get(id) === 0);
  for (let i = 0; i < order.length; i++) {
    for (const edge of graph.nodes.get(order[i] ?? '')?.outgoing ?? []) {
      const left = (missing.get(edge.to.node) ?? 0) - 1;
      missing.set(edge.to.node, left);
      if (left === 0) order.push(edge.to.node);
    }
  }
  return order;
}
