import dagre from '@dagrejs/dagre';
import type { Note, PipelineDocument } from '@switchyard/pipeline';
import { type Point, snap } from '../document/edits.ts';
import type { Catalogue } from '../document/node-types.ts';
import { NODE_WIDTH, nodeHeight } from './flow.ts';

/**
 * Places for all nodes, left to right, on the grid, beginning where the drawing begins now. A note keeps its distance to
 * the node that was nearest to it.
 */
export function layout(catalogue: Catalogue, document: PipelineDocument): ReadonlyMap<string, Point> {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: 'LR', nodesep: 32, ranksep: 96 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of document.nodes) graph.setNode(node.id, { width: NODE_WIDTH, height: nodeHeight(catalogue, node) });
  for (const edge of document.edges) graph.setEdge(edge.from.node, edge.to.node, {}, edge.id);
  dagre.layout(graph);

  const origin = corner(document.nodes.map((node) => node.position));
  const placed = new Map(
    document.nodes.map((node): [string, Point] => {
      const { x, y } = graph.node(node.id);
      return [node.id, { x: x - NODE_WIDTH / 2, y: y - nodeHeight(catalogue, node) / 2 }];
    }),
  );
  const start = corner([...placed.values()]);
  const places = new Map(
    [...placed].map(([id, { x, y }]): [string, Point] => [
      id,
      snap({ x: x - start.x + origin.x, y: y - start.y + origin.y }),
    ]),
  );
  for (const note of document.notes) places.set(note.id, besideNearest(note, document, places));
  return places;
}

const corner = (points: readonly Point[]): Point =>
  points.length === 0
    ? { x: 0, y: 0 }
    : { x: Math.min(...points.map(({ x }) => x)), y: Math.min(...points.map(({ y }) => y)) };

function besideNearest(note: Note, document: PipelineDocument, places: ReadonlyMap<string, Point>): Point {
  const distance = (point: Point): number => Math.hypot(point.x - note.position.x, point.y - note.position.y);
  const nearest = document.nodes.reduce<(typeof document.nodes)[number] | null>(
    (best, node) => (best === null || distance(node.position) < distance(best.position) ? node : best),
    null,
  );
  const place = nearest === null ? undefined : places.get(nearest.id);
  if (nearest === null || place === undefined) return note.position;
  return snap({ x: place.x + note.position.x - nearest.position.x, y: place.y + note.position.y - nearest.position.y });
}
