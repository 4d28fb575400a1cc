import type { Edge, Node, PipelineDocument } from '@switchyard/pipeline';
import type { Catalogue, NodeTypeEntry, Port } from './node-types.ts';

/*
 * Which ports a node has with its present config, and which connections make sense. Read from the catalogue, so that the
 * expression language need not be loaded before the first drawing; a test holds it against the pipeline package's own
 * answer for every node type.
 */

/** Input ports of a node; none for triggers and for types this editor does not know. */
export const inputPorts = (catalogue: Catalogue, node: Pick<Node, 'type'>): readonly Port[] =>
  catalogue.byId.get(node.type)?.inputs ?? [];

const ERROR_PORT: Port = { name: 'error', title: 'Error' };

/** Output ports of a node with its present config, with `error` where its failures leave by a port. */
export function outputPorts(catalogue: Catalogue, node: Pick<Node, 'type' | 'config' | 'onError'>): readonly Port[] {
  const type = catalogue.byId.get(node.type);
  if (type === undefined) return [];
  const ports = [...casePorts(type, node.config), ...fixedPorts(type)];
  return node.onError === 'port' ? [...ports, ERROR_PORT] : ports;
}

/** Config fields drawn as cases give one port per case; the catalogue's ports are those of the type's example. */
function casePorts(type: NodeTypeEntry, config: Node['config']): readonly Port[] {
  const fields = Object.entries(type.config.properties ?? {}).filter(([, schema]) => schema.widget === 'cases');
  const cases = fields.flatMap(([name]) => (Array.isArray(config[name]) ? config[name] : []));
  return cases.flatMap((one) => {
    const port = typeof one === 'object' && one !== null && !Array.isArray(one) ? one.port : null;
    return typeof port === 'string' && port !== '' ? [{ name: port, title: port }] : [];
  });
}

function fixedPorts(type: NodeTypeEntry): readonly Port[] {
  const ofExample = new Set(casePorts(type, type.example).map((port) => port.name));
  return type.outputs.filter((port) => !ofExample.has(port.name));
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
export function connectionProblem(
  catalogue: Catalogue,
  document: PipelineDocument,
  from: Edge['from'],
  to: Edge['to'],
): string | null {
  const source = document.nodes.find((node) => node.id === from.node);
  const target = document.nodes.find((node) => node.id === to.node);
  if (source === undefined || target === undefined) return 'Both ends must be steps of this pipeline.';
  if (!outputPorts(catalogue, source).some((port) => port.name === from.port))
    return `There is no output “${from.port}”.`;
  if (!inputPorts(catalogue, target).some((port) => port.name === to.port))
    return 'A trigger has no input: it only starts runs.';
  const same = (edge: Edge): boolean =>
    edge.from.node === from.node &&
    edge.from.port === from.port &&
    edge.to.node === to.node &&
    edge.to.port === to.port;
  if (document.edges.some(same)) return 'These two are connected already.';
  if (reaches(document, to.node, from.node)) return 'That would make a circle.';
  return null;
}
