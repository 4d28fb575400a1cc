import { compileGraph, type Graph, type JournalEvent, nodeOfStep, type PipelineDocument } from '@switchyard/pipeline';
import { byStep, type Check, SETTLING } from './history.ts';

/* Invariants that ask what was drawn. Without the document they say nothing. */

const graphs = new WeakMap<PipelineDocument, Graph>();

function graphOf(document: PipelineDocument): Graph {
  const known = graphs.get(document) ?? compileGraph(document);
  graphs.set(document, known);
  return known;
}

/** Steps of loops' bodies stand under a path; their edges begin within the iteration. */
const isRoot = (key: string): boolean => !key.includes('/');

/**
 * I14: a step with several incoming edges begins after all their sources have ended. A `join` decides by its mode, a body's first
 * step begins with its loop; both are left to their own tests.
 */
export const checkFanIn: Check = ({ events, document }) => {
  if (document === null) return [];
  const graph = graphOf(document);
  const settled = new Set<string>();
  const begun = new Set<string>();
  const wrong: string[] = [];
  for (const event of events) {
    const key = event.stepKey;
    if (key === null || !isRoot(key)) continue;
    if (event.kind === 'step.started' && !begun.has(key)) {
      begun.add(key);
      const early = waitsFor(graph, key).find((source) => !settled.has(source));
      if (early !== undefined) wrong.push(`${key} begins at ${event.seq} before ${early} has ended`);
    }
    if (SETTLING.has(event.kind)) settled.add(key);
  }
  return wrong;
};

/** Sources that must have ended before this step begins. */
function waitsFor(graph: Graph, key: string): readonly string[] {
  const at = graph.nodes.get(key);
  if (at === undefined || at.node.type === 'join') return [];
  return at.incoming
    .map((edge) => edge.from)
    .filter(({ node, port }) => {
      const source = graph.nodes.get(node);
      return source !== undefined && !source.trigger && !(source.node.type === 'loop' && port === 'item');
    })
    .map(({ node }) => node);
}

const DEFAULT_TURNS = 300;

/** I10: an agent takes no more turns than it may, and the one in which it must answer. */
export const checkTurns: Check = ({ events, document }) => {
  if (document === null) return [];
  const agents = new Map(document.nodes.filter((node) => node.type === 'agent').map((node) => [node.id, node]));
  return [...byStep(events)].flatMap(([key, own]) => {
    const node = agents.get(nodeOfStep(key));
    if (node === undefined) return [];
    const most = typeof node.config.maxTurns === 'number' ? node.config.maxTurns : DEFAULT_TURNS;
    const kept = keptTurns(own);
    return kept > most + 1 ? [`${key}: ${kept} turns, it may take ${most}`] : [];
  });
};

/** Turns that were finished and not taken back. */
function keptTurns(own: readonly JournalEvent[]): number {
  const turns = new Set<number>();
  for (const event of own) {
    if (event.kind === 'turn.finished') turns.add(event.data.turn);
    if (event.kind === 'turn.incomplete') turns.delete(event.data.turn);
  }
  return turns.size;
}
