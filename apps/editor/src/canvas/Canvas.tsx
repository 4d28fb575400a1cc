import '@xyflow/react/dist/style.css';
import type { Edge, NodeChange } from '@xyflow/react';
import {
  Background,
  BackgroundVariant,
  type Connection,
  type EdgeTypes,
  type FinalConnectionState,
  MiniMap,
  type NodeTypes,
  type OnConnect,
  ReactFlow,
  type ReactFlowInstance,
  SelectionMode,
} from '@xyflow/react';
import { type DragEvent, type MouseEvent as ReactMouseEvent, type ReactNode, useCallback, useMemo } from 'react';
import { useStore } from 'zustand';
import { GRID, type Point } from '../document/edits.ts';
import css from './canvas.module.css';
import type { CanvasNode, Flow } from './flow.ts';
import { NoteCard } from './NoteCard.tsx';
import { StepCard } from './StepCard.tsx';
import { Wire } from './Wire.tsx';

const NODE_TYPES: NodeTypes = { step: StepCard, note: NoteCard };
const EDGE_TYPES: EdgeTypes = { wire: Wire };
const SNAP: [number, number] = [GRID, GRID];
const FIT = { padding: 0.24, maxZoom: 1 };
const PRO = { hideAttribution: true };
const PAN_BUTTONS = [1];
const MULTI_KEYS = ['Shift', 'Meta', 'Control'];

/** From how many nodes on a map of the whole is worth its cost. */
const MAP_FROM = 40;
/** From how many nodes on only visible ones are drawn. */
const CULL_FROM = 150;

/** What a person does on the canvas, for whoever keeps the document. Absent on a read-only canvas. */
export type CanvasGestures = {
  readonly moved: (places: ReadonlyMap<string, Point>, byKeyboard: boolean) => void;
  readonly connected: (connection: Connection) => void;
  readonly canConnect: (connection: Connection | Edge) => boolean;
  /** A wire was dropped on the empty canvas. */
  readonly droppedWire: (from: { readonly node: string; readonly port: string }, screen: Point) => void;
  readonly droppedType: (typeId: string, screen: Point) => void;
};

/** What a dragged palette entry carries. */
export const DRAG_TYPE = 'application/x-switchyard-node-type';

type Props = {
  readonly flow: Flow;
  readonly gestures: CanvasGestures | null;
  readonly onReady: (instance: ReactFlowInstance<CanvasNode, Edge>) => void;
  readonly onPaneClick?: () => void;
  readonly children?: ReactNode;
};

/** The canvas: draws a flow, pans, zooms, selects; tells gestures to whoever keeps the document. */
export function Canvas({ flow, gestures, onReady, onPaneClick, children }: Props) {
  const nodes = useStore(flow, (state) => state.nodes);
  const edges = useStore(flow, (state) => state.edges);
  const changed = useNodeChanges(flow, gestures);
  const wires = useWireGestures(gestures);
  const clicked = useCallback(
    (event: ReactMouseEvent, node: CanvasNode) => {
      // React Flow keeps a selection of several when one of them is clicked; a person means that one.
      if (!event.shiftKey && !event.ctrlKey && !event.metaKey) flow.select(new Set([node.id]));
    },
    [flow],
  );
  const dropped = (event: DragEvent): void => {
    const type = event.dataTransfer.getData(DRAG_TYPE);
    if (type === '' || gestures === null) return;
    event.preventDefault();
    gestures.droppedType(type, { x: event.clientX, y: event.clientY });
  };
  return (
    <ReactFlow<CanvasNode, Edge>
      className={css.flow ?? ''}
      nodes={nodes as CanvasNode[]}
      edges={edges as Edge[]}
      nodeTypes={NODE_TYPES}
      edgeTypes={EDGE_TYPES}
      onNodesChange={changed}
      onEdgesChange={flow.changeEdges}
      {...wires}
      onNodeClick={clicked}
      onInit={onReady}
      onDragOver={allowDrop}
      onDrop={dropped}
      {...(onPaneClick === undefined ? {} : { onPaneClick })}
      nodesDraggable={gestures !== null}
      nodesConnectable={gestures !== null}
      edgesFocusable={false}
      deleteKeyCode={null}
      selectionKeyCode={null}
      multiSelectionKeyCode={MULTI_KEYS}
      panActivationKeyCode="Space"
      selectionOnDrag={gestures !== null}
      selectionMode={SelectionMode.Partial}
      panOnDrag={gestures === null ? true : PAN_BUTTONS}
      panOnScroll
      zoomOnDoubleClick={false}
      snapToGrid
      snapGrid={SNAP}
      connectionRadius={32}
      minZoom={0.1}
      maxZoom={2}
      fitView={nodes.length > 0}
      fitViewOptions={FIT}
      elevateNodesOnSelect={false}
      onlyRenderVisibleElements={nodes.length > CULL_FROM}
      proOptions={PRO}
    >
      <Background variant={BackgroundVariant.Dots} gap={GRID} size={1.2} color="var(--grid)" />
      {nodes.length > MAP_FROM ? (
        <MiniMap
          pannable
          zoomable
          nodeColor="var(--line-strong)"
          maskColor="color-mix(in srgb, var(--bg) 70%, transparent)"
          bgColor="var(--surface)"
        />
      ) : null}
      {children}
    </ReactFlow>
  );
}

function allowDrop(event: DragEvent): void {
  if (!event.dataTransfer.types.includes(DRAG_TYPE)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = 'copy';
}

/** Moves live in the flow while they go on; the document hears of them once, at their end. */
function useNodeChanges(flow: Flow, gestures: CanvasGestures | null) {
  return useCallback(
    (changes: NodeChange<CanvasNode>[]) => {
      const wasDragging = flow.getState().nodes.some((node) => node.dragging);
      flow.changeNodes(changes);
      const ended = changes
        .filter((change) => change.type === 'position' && change.dragging === false)
        .map((change) => ('id' in change ? change.id : ''));
      if (ended.length === 0 || gestures === null) return;
      const ids = new Set(ended);
      gestures.moved(
        new Map(
          flow
            .getState()
            .nodes.filter((node) => ids.has(node.id))
            .map((node) => [node.id, node.position]),
        ),
        !wasDragging,
      );
    },
    [flow, gestures],
  );
}

type WireGestures = {
  readonly onConnect?: OnConnect;
  readonly isValidConnection?: (connection: Connection | Edge) => boolean;
  readonly onConnectEnd?: (event: MouseEvent | TouchEvent, state: FinalConnectionState) => void;
};

function useWireGestures(gestures: CanvasGestures | null): WireGestures {
  return useMemo(() => {
    if (gestures === null) return {};
    return {
      onConnect: gestures.connected,
      isValidConnection: gestures.canConnect,
      onConnectEnd: (event, state) => {
        const { fromHandle, toNode } = state;
        if (state.isValid === true || toNode !== null || fromHandle === null || fromHandle.type !== 'source') return;
        gestures.droppedWire({ node: fromHandle.nodeId, port: fromHandle.id ?? 'out' }, pointOf(event));
      },
    };
  }, [gestures]);
}

/** Where a mouse or touch event happened, in screen pixels. */
export function pointOf(event: MouseEvent | TouchEvent | ReactMouseEvent): Point {
  if ('clientX' in event) return { x: event.clientX, y: event.clientY };
  const touch = event.changedTouches[0];
  return { x: touch?.clientX ?? 0, y: touch?.clientY ?? 0 };
}
