import { type Node, type PipelineDocument, parseDocument } from '@switchyard/pipeline';
import type { Edge, ReactFlowInstance } from '@xyflow/react';
import { copyText, paste } from '../document/clipboard.ts';
import type { DraftStore } from '../document/draft-store.ts';
import { addNode, addNote, connect, type End, insertOnEdge, moveTo, type Point, remove } from '../document/edits.ts';
import type { Catalogue, NodeTypeEntry } from '../document/node-types.ts';
import { titleOf } from '../document/node-types.ts';
import { connectionProblem, inputPorts, outputPorts } from '../document/ports.ts';
import { random, secretWord } from '../system.ts';
import { type CanvasNode, type Flow, NODE_HEIGHT, NODE_WIDTH, selectedIds } from './flow.ts';

/*
 * What can be done to an open draft by button, key or pointer; each is one entry of the undo stack. Kept apart from React:
 * every way of asking ends here.
 */

/** Where a new step goes: at a point of the canvas, behind an output, or into an edge. */
export type Placement =
  | { readonly kind: 'free' }
  | { readonly kind: 'at'; readonly point: Point }
  | { readonly kind: 'after'; readonly from: End; readonly point?: Point }
  | { readonly kind: 'edge'; readonly edgeId: string };

/** What actions work on. `view` is null until the canvas is drawn. */
export type Workbench = {
  readonly draft: DraftStore;
  readonly flow: Flow;
  readonly catalogue: Catalogue;
  readonly view: () => ReactFlowInstance<CanvasNode, Edge> | null;
};

const GAP = 96;

const documentOf = (bench: Workbench): PipelineDocument => bench.draft.getState().document;

/** The nodes and notes that are selected. */
export const selection = (bench: Workbench): ReadonlySet<string> => selectedIds(bench.flow.getState());

/** The point in the middle of what is seen, in canvas pixels. */
export function middle(bench: Workbench): Point {
  const pane = document.querySelector('.react-flow')?.getBoundingClientRect();
  const view = bench.view();
  if (pane === undefined || view === null) return { x: 0, y: 0 };
  const point = view.screenToFlowPosition({ x: pane.left + pane.width / 2, y: pane.top + pane.height / 2 });
  return { x: point.x - NODE_WIDTH / 2, y: point.y - NODE_HEIGHT / 2 };
}

/** A point beside `wanted` where no card lies yet: goes down until there is room. */
function roomAt(nodes: readonly Node[], wanted: Point): Point {
  let point = wanted;
  const overlaps = (node: Node): boolean =>
    Math.abs(node.position.x - point.x) < NODE_WIDTH + 16 && Math.abs(node.position.y - point.y) < NODE_HEIGHT + 16;
  while (nodes.some(overlaps)) point = { x: point.x, y: point.y + NODE_HEIGHT + 32 };
  return point;
}

/** Where `Add node` puts a step when nobody said where: behind the selected step, else in the middle. */
export function defaultPlacement(bench: Workbench): Placement {
  const ids = selection(bench);
  const [only] = documentOf(bench).nodes.filter((node) => ids.has(node.id));
  const port = only === undefined || ids.size !== 1 ? undefined : outputPorts(bench.catalogue, only)[0];
  return only === undefined || port === undefined
    ? { kind: 'free' }
    : { kind: 'after', from: { node: only.id, port: port.name } };
}

function pointFor(bench: Workbench, placement: Placement): Point {
  const { nodes, edges } = documentOf(bench);
  const position = (id: string): Point => nodes.find((node) => node.id === id)?.position ?? middle(bench);
  switch (placement.kind) {
    case 'at':
      return placement.point;
    case 'after': {
      const source = position(placement.from.node);
      return placement.point ?? roomAt(nodes, { x: source.x + NODE_WIDTH + GAP, y: source.y });
    }
    case 'edge': {
      const edge = edges.find((other) => other.id === placement.edgeId);
      if (edge === undefined) return middle(bench);
      const [from, to] = [position(edge.from.node), position(edge.to.node)];
      return roomAt(nodes, { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 });
    }
    case 'free':
      return roomAt(nodes, middle(bench));
  }
}

/** Adds a step of a type, joins it as the placement says, selects it. Answers its id. */
export function addStep(bench: Workbench, type: NodeTypeEntry, placement: Placement): string {
  let id = '';
  bench.draft.edit({ label: `add ${type.title}` }, (before) => {
    const added = addNode(before, {
      type: type.id,
      title: type.title,
      config: beginningOf(type),
      position: pointFor(bench, placement),
    });
    id = added.id;
    return joined(bench.catalogue, added.document, id, placement);
  });
  bench.flow.select(new Set([id]));
  return id;
}

/** A new step begins as its type's example; a webhook's address must be its own. */
const beginningOf = (type: NodeTypeEntry): Node['config'] =>
  'token' in type.example ? { ...type.example, token: secretWord() } : type.example;

function joined(catalogue: Catalogue, document: PipelineDocument, id: string, placement: Placement): PipelineDocument {
  const node = document.nodes.find((other) => other.id === id);
  const input = node === undefined ? undefined : inputPorts(catalogue, node)[0];
  if (node === undefined || input === undefined) return document;
  if (placement.kind === 'after') {
    const to = { node: id, port: input.name };
    return connectionProblem(catalogue, document, placement.from, to) === null
      ? connect(document, placement.from, to, random)
      : document;
  }
  const edge = placement.kind === 'edge' ? document.edges.find((other) => other.id === placement.edgeId) : undefined;
  return edge === undefined
    ? document
    : insertOnEdge(
        document,
        edge,
        { node: id, input: input.name, output: outputPorts(catalogue, node)[0]?.name ?? null },
        random,
      );
}

/** Joins two ports; answers in words why not, or null. */
export function join(bench: Workbench, from: End, to: End): string | null {
  const problem = connectionProblem(bench.catalogue, documentOf(bench), from, to);
  if (problem === null)
    bench.draft.edit({ label: `connect ${nameOf(bench, from.node)} to ${nameOf(bench, to.node)}` }, (document) =>
      connect(document, from, to, random),
    );
  return problem;
}

/** What a node is called on screen. */
export function nameOf(bench: Workbench, id: string): string {
  const node = documentOf(bench).nodes.find((other) => other.id === id);
  return node === undefined ? id : titleOf(node, bench.catalogue);
}

/** Takes away everything that is selected. */
export function removeSelected(bench: Workbench): void {
  const ids = selection(bench);
  if (ids.size === 0) return;
  const [only] = ids.size === 1 ? documentOf(bench).nodes.filter((node) => ids.has(node.id)) : [];
  bench.draft.edit(
    { label: only === undefined ? `delete ${ids.size} elements` : `delete ${titleOf(only, bench.catalogue)}` },
    (document) => remove(document, ids),
  );
}

/** Moves nodes to where the canvas has them. */
export function commitMoves(bench: Workbench, places: ReadonlyMap<string, Point>, byKeyboard: boolean): void {
  const [first] = places.keys();
  const label = places.size === 1 && first !== undefined ? `move ${nameOf(bench, first)}` : `move ${places.size} steps`;
  bench.draft.edit(byKeyboard ? { label, mergeKey: `move:${[...places.keys()].join()}` } : { label }, (document) =>
    moveTo(document, places),
  );
}

/** The selected part as JSON text, or null when nothing is selected. */
export function copySelected(bench: Workbench): string | null {
  const ids = selection(bench);
  return ids.size === 0 ? null : copyText(documentOf(bench), ids);
}

/** Adds copied JSON at a point; answers whether the text was a pipeline. One paste is one undo. */
export function pasteText(bench: Workbench, text: string, at: Point): boolean {
  const part = readPart(text);
  if (part === null || part.nodes.length + part.notes.length === 0) return false;
  let ids: readonly string[] = [];
  bench.draft.edit({ label: `paste ${part.nodes.length + part.notes.length} elements` }, (document) => {
    const pasted = paste(document, part, at, random);
    ids = pasted.ids;
    return pasted.document;
  });
  bench.flow.select(new Set(ids));
  return true;
}

function readPart(text: string): PipelineDocument | null {
  if (!text.trimStart().startsWith('{')) return null;
  try {
    const parsed = parseDocument(JSON.parse(text));
    return parsed.ok ? parsed.document : null;
  } catch {
    return null;
  }
}

/** Copies the selection a little below itself. */
export function duplicateSelected(bench: Workbench): void {
  const text = copySelected(bench);
  const ids = selection(bench);
  const { nodes, notes } = documentOf(bench);
  const chosen = [...nodes, ...notes].filter((element) => ids.has(element.id));
  if (text === null || chosen.length === 0) return;
  const left = Math.min(...chosen.map((element) => element.position.x));
  const top = Math.min(...chosen.map((element) => element.position.y));
  pasteText(bench, text, { x: left + 32, y: top + NODE_HEIGHT + 32 });
}

/** Selects every node and note. */
export function selectAll(bench: Workbench): void {
  const { nodes, notes } = documentOf(bench);
  bench.flow.select(new Set([...nodes, ...notes].map((element) => element.id)));
}

/** Puts a note in the middle and selects it. */
export function addNoteHere(bench: Workbench): void {
  let id = '';
  bench.draft.edit({ label: 'add note' }, (document) => {
    const added = addNote(document, middle(bench), random);
    id = added.id;
    return added.document;
  });
  bench.flow.select(new Set([id]));
}

/** Lays the steps out from left to right, on the grid; one undo. The layout library is loaded when first needed. */
export async function tidy(bench: Workbench): Promise<void> {
  const { layout } = await import('./tidy.ts');
  bench.draft.edit({ label: 'tidy up' }, (document) => moveTo(document, layout(bench.catalogue, document)));
  requestAnimationFrame(() => void bench.view()?.fitView({ padding: 0.2, maxZoom: 1, duration: 180 }));
}

/** Brings a node into view and selects it. */
export function reveal(bench: Workbench, id: string): void {
  bench.flow.select(new Set([id]));
  void bench.view()?.fitView({ nodes: [{ id }], maxZoom: 1, padding: 2, duration: 180 });
}
