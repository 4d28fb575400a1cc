import { type Edge, type Node, nodeType, outputPorts, type PipelineDocument } from '@switchyard/pipeline';
import type { Port } from './node-types.ts';

export { outputPorts };

/*
 * Which ports a node has with its present config, and which connections make sense. Asked of the pipeline package, so
 * that the canvas and the server never disagree.
 */

/** Input ports of a node; none for triggers and for types this editor does not know. */
export function inputPorts(node: Node): readonly Port[] {
  return nodeType(node.type)?.inputs ?? [];
}

/** Edges by the node they leave. */
function successors(document: PipelineDocument): ReadonlyMap<string, readonly string[]> {
  const next = new Map<string, string[]>();
  for (const edge of document.edges) {
    const list = next.get(edge.from.node);
    if (list === undefined) next.set(edge.from.node, [edge.to.node]);
    else list.push(edge.to.node);
  }
  return next;
}

/** Whether `to` can be reached from `from` along the edges (a node reaches itself). */
export function reaches(document: PipelineDocument, from: string, to: string): boolean {
  const next = successors(document);
  const seen = new Set<string>([from]);
  const open = [from];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node === to) return true;
    for (const child of next.get(node) ?? []) {
      if (seen.has(child)) continue;
      seen.add(child);
      open.push(child);
    }
  }
  return false;
}

/** Why two ports cannot be joined, in words for a person; null when they can. */
export function connectionProblem(document: PipelineDocument, from: Edge['from'], to: Edge['to']): string | null {
  const source = document.nodes.find((node) => node.id === from.node);
  const target = document.nodes.find((node) => node.id === to.node);
  if (source === undefined || target === undefined) return 'Both ends must be steps of this pipeline.';
  if (!outputPorts(source).some((port) => port.name === from.port)) return `There is no output “${from.port}”.`;
  if (!inputPorts(target).some((port) => port.name === to.port)) return 'A trigger has no input: it only starts runs.';
  const same = (edge: Edge): boolean =>
    edge.from.node === from.node && edge.from.port === from.port && edge.to.node === to.node && edge.to.port === to.port;
  if (document.edges.some(same)) return 'These two are connected already.';
  if (reaches(document, to.node, from.node)) return 'That would make a circle.';
  return null;
}
