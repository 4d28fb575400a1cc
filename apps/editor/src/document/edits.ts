import type { Edge, Node, Note, PipelineDocument } from '@switchyard/pipeline';
import { elementId, nodeId, type Random } from './ids.ts';

/*
 * Every change a person can make, as a pure function from document to document. Elements that do not change keep their
 * identity, so that the canvas draws only what moved and undo is one reference.
 */

/** A point on the canvas, in canvas pixels. */
export type Point = { readonly x: number; readonly y: number };

/** One end of an edge. */
export type End = Edge['from'];

/** Distance of the grid that nodes snap to, in canvas pixels. */
export const GRID = 16;

/** The nearest grid point. */
export const snap = (point: Point): Point => ({
  x: Math.round(point.x / GRID) * GRID,
  y: Math.round(point.y / GRID) * GRID,
});

const nodeIds = (document: PipelineDocument): Set<string> => new Set(document.nodes.map((node) => node.id));

const edgeIds = (document: PipelineDocument): Set<string> => new Set(document.edges.map((edge) => edge.id));

/** Adds a node of a type at a point; answers its new id, made of the type's title. */
export function addNode(
  document: PipelineDocument,
  wanted: { readonly type: string; readonly title: string; readonly config: Node['config']; readonly position: Point },
): { document: PipelineDocument; id: string } {
  const id = nodeId(wanted.title, nodeIds(document));
  const node: Node = { id, type: wanted.type, config: wanted.config, position: snap(wanted.position), onError: 'fail' };
  return { id, document: { ...document, nodes: [...document.nodes, node] } };
}

/** Replaces one node by what `change` makes of it. A node that is not there changes nothing. */
export function changeNode(document: PipelineDocument, id: string, change: (node: Node) => Node): PipelineDocument {
  return { ...document, nodes: document.nodes.map((node) => (node.id === id ? change(node) : node)) };
}

/** Moves nodes and notes to points (snapped). Those already there keep their identity; nothing moved keeps the document's. */
export function moveTo(document: PipelineDocument, places: ReadonlyMap<string, Point>): PipelineDocument {
  let moved = false;
  const place = <E extends Node | Note>(element: E): E => {
    const wanted = places.get(element.id);
    if (wanted === undefined) return element;
    const position = snap(wanted);
    if (position.x === element.position.x && position.y === element.position.y) return element;
    moved = true;
    return { ...element, position };
  };
  const next = { ...document, nodes: document.nodes.map(place), notes: document.notes.map(place) };
  return moved ? next : document;
}

/** Joins two ports. The caller has asked `connectionProblem` first. */
export function connect(document: PipelineDocument, from: End, to: End, random: Random): PipelineDocument {
  const edge: Edge = { id: elementId('e', edgeIds(document), random), from, to };
  return { ...document, edges: [...document.edges, edge] };
}

/** Takes away nodes (with their edges), edges and notes by id. */
export function remove(document: PipelineDocument, ids: ReadonlySet<string>): PipelineDocument {
  return {
    ...document,
    nodes: document.nodes.filter((node) => !ids.has(node.id)),
    edges: document.edges.filter((edge) => !ids.has(edge.id) && !ids.has(edge.from.node) && !ids.has(edge.to.node)),
    notes: document.notes.filter((note) => !ids.has(note.id)),
  };
}

/** Puts a node into an edge: source → node → target, on the node's given ports. */
export function insertOnEdge(
  document: PipelineDocument,
  edge: Edge,
  middle: { readonly node: string; readonly input: string; readonly output: string | null },
  random: Random,
): PipelineDocument {
  const without = { ...document, edges: document.edges.filter((other) => other.id !== edge.id) };
  const first = connect(without, edge.from, { node: middle.node, port: middle.input }, random);
  return middle.output === null ? first : connect(first, { node: middle.node, port: middle.output }, edge.to, random);
}

/** Adds an empty note. */
export function addNote(
  document: PipelineDocument,
  position: Point,
  random: Random,
): { document: PipelineDocument; id: string } {
  const id = elementId('n', new Set(document.notes.map((note) => note.id)), random);
  const note: Note = { id, text: '', position: snap(position), size: { width: 240, height: 128 } };
  return { id, document: { ...document, notes: [...document.notes, note] } };
}

/** Replaces one note by what `change` makes of it. */
export function changeNote(document: PipelineDocument, id: string, change: (note: Note) => Note): PipelineDocument {
  return { ...document, notes: document.notes.map((note) => (note.id === id ? change(note) : note)) };
}

/** Same content, whatever the identity: for "published vN · unpublished changes". */
export const sameDocument = (one: PipelineDocument, other: PipelineDocument): boolean =>
  one === other || canonical(one) === canonical(other);

const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
