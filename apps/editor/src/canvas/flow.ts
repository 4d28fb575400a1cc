import type { Edge as DocumentEdge, Node as DocumentNode, Note, PipelineDocument } from '@switchyard/pipeline';
import {
  applyEdgeChanges,
  applyNodeChanges,
  type Edge,
  type EdgeChange,
  type Node,
  type NodeChange,
  type NodeHandle,
  Position,
} from '@xyflow/react';
import { createStore, type StoreApi } from 'zustand';
import { type Catalogue, titleOf } from '../document/node-types.ts';
import { inputPorts, outputPorts } from '../document/ports.ts';

/*
 * The one file that knows how a document becomes React Flow's nodes and edges. Nodes get their size and handles from
 * their ports, so nothing is measured; an element that did not change keeps its object, so nothing else is drawn anew.
 * Positions during a drag and the selection live here; the document hears of a move when it ends.
 */

/** Width of a step card, in canvas pixels. */
export const NODE_WIDTH = 224;
/** Height of a card with at most one output. */
export const NODE_HEIGHT = 64;
/** Height that each named output adds when there are several. */
export const PORT_HEIGHT = 24;

const HANDLE = 12;

/** A step card. */
export type StepNode = Node<{ readonly node: DocumentNode }, 'step'>;
/** A note on the canvas. */
export type NoteNode = Node<{ readonly note: Note }, 'note'>;
/** Anything on the canvas. */
export type CanvasNode = StepNode | NoteNode;

/** Height of a node's card with its present ports, a multiple of 8. */
export function nodeHeight(catalogue: Catalogue, node: DocumentNode): number {
  const outputs = outputPorts(catalogue, node).length;
  return outputs < 2 ? NODE_HEIGHT : NODE_HEIGHT + outputs * PORT_HEIGHT + 8;
}

/** Distance of an output's handle from the card's top. */
export const outputTop = (index: number, outputs: number): number =>
  outputs < 2 ? NODE_HEIGHT / 2 : NODE_HEIGHT + index * PORT_HEIGHT + PORT_HEIGHT / 2;

function handlesOf(catalogue: Catalogue, node: DocumentNode): NodeHandle[] {
  const outputs = outputPorts(catalogue, node);
  return [
    ...inputPorts(catalogue, node).map(
      (port): NodeHandle => ({
        id: port.name,
        type: 'target',
        position: Position.Left,
        x: -HANDLE / 2,
        y: NODE_HEIGHT / 2 - HANDLE / 2,
        width: HANDLE,
        height: HANDLE,
      }),
    ),
    ...outputs.map(
      (port, index): NodeHandle => ({
        id: port.name,
        type: 'source',
        position: Position.Right,
        x: NODE_WIDTH - HANDLE / 2,
        y: outputTop(index, outputs.length) - HANDLE / 2,
        width: HANDLE,
        height: HANDLE,
      }),
    ),
  ];
}

function stepNode(catalogue: Catalogue, node: DocumentNode, selected: boolean): StepNode {
  const size = { width: NODE_WIDTH, height: nodeHeight(catalogue, node) };
  return {
    id: node.id,
    type: 'step',
    position: node.position,
    data: { node },
    ...size,
    measured: size,
    handles: handlesOf(catalogue, node),
    selected,
    ariaLabel: `Step ${titleOf(node, catalogue)}`,
  };
}

function noteNode(note: Note, selected: boolean): NoteNode {
  const size = note.size ?? { width: 240, height: 128 };
  return {
    id: note.id,
    type: 'note',
    position: note.position,
    data: { note },
    ...size,
    measured: size,
    handles: [],
    selected,
    zIndex: -1,
    ariaLabel: 'Note',
  };
}

const flowEdge = (edge: DocumentEdge, selected: boolean): Edge => ({
  id: edge.id,
  type: 'wire',
  source: edge.from.node,
  sourceHandle: edge.from.port,
  target: edge.to.node,
  targetHandle: edge.to.port,
  selected,
});

/** Nodes and edges as React Flow holds them, and the changes it asks for. */
export type FlowState = { readonly nodes: readonly CanvasNode[]; readonly edges: readonly Edge[] };

/** The canvas's own state beside a document. */
export type Flow = StoreApi<FlowState> & {
  /** Takes over a document: what is new or changed is made, all else keeps its object and its selection. */
  readonly sync: (document: PipelineDocument) => void;
  /** Selects exactly these nodes, notes and edges. */
  readonly select: (ids: ReadonlySet<string>) => void;
  readonly changeNodes: (changes: NodeChange<CanvasNode>[]) => void;
  readonly changeEdges: (changes: EdgeChange[]) => void;
};

/** Makes the canvas state; ports and names come from the catalogue. */
export function createFlow(catalogue: Catalogue): Flow {
  const store = createStore<FlowState>(() => ({ nodes: [], edges: [] }));

  function sync(document: PipelineDocument): void {
    const { nodes, edges } = store.getState();
    const oldNodes = new Map(nodes.map((node) => [node.id, node]));
    const oldEdges = new Map(edges.map((edge) => [edge.id, edge]));
    store.setState({
      nodes: [
        ...document.notes.map((note): CanvasNode => {
          const old = oldNodes.get(note.id);
          return old?.type === 'note' && old.data.note === note && samePlace(old, note)
            ? old
            : noteNode(note, old?.selected ?? false);
        }),
        ...document.nodes.map((node): CanvasNode => {
          const old = oldNodes.get(node.id);
          return old?.type === 'step' && old.data.node === node && samePlace(old, node)
            ? old
            : stepNode(catalogue, node, old?.selected ?? false);
        }),
      ],
      edges: document.edges.map((edge) => {
        const old = oldEdges.get(edge.id);
        return old !== undefined && sameEnds(old, edge) ? old : flowEdge(edge, old?.selected ?? false);
      }),
    });
  }

  return {
    ...store,
    sync,
    select: (ids) =>
      store.setState(({ nodes, edges }) => ({
        nodes: nodes.map((node) =>
          node.selected === ids.has(node.id) ? node : { ...node, selected: ids.has(node.id) },
        ),
        edges: edges.map((edge) =>
          (edge.selected ?? false) === ids.has(edge.id) ? edge : { ...edge, selected: ids.has(edge.id) },
        ),
      })),
    changeNodes: (changes) => store.setState(({ nodes }) => ({ nodes: applyNodeChanges(changes, [...nodes]) })),
    changeEdges: (changes) => store.setState(({ edges }) => ({ edges: applyEdgeChanges(changes, [...edges]) })),
  };
}

const samePlace = (shown: CanvasNode, element: DocumentNode | Note): boolean =>
  shown.position.x === element.position.x && shown.position.y === element.position.y;

const sameEnds = (shown: Edge, edge: DocumentEdge): boolean =>
  shown.source === edge.from.node &&
  shown.sourceHandle === edge.from.port &&
  shown.target === edge.to.node &&
  shown.targetHandle === edge.to.port;

/** Ids of what is selected, nodes and edges. */
export const selectedIds = ({ nodes, edges }: FlowState): ReadonlySet<string> =>
  new Set(
    [...nodes.filter((node) => node.selected), ...edges.filter((edge) => edge.selected)].map((element) => element.id),
  );
