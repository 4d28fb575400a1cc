import { useRef } from 'react';
import { addStep, type Placement, type Workbench } from '../canvas/actions.ts';
import { NodePicker } from '../canvas/NodePicker.tsx';
import type { NodeTypeEntry } from '../document/node-types.ts';
import type { OpenPicker } from './Editor.tsx';

const WIDTH = 320;
const HEIGHT = 480;

/** Puts the node search over the canvas, where it was asked for, and adds what is chosen. */
export function PickerHost({ bench, picker, onClose }: { readonly bench: Workbench; readonly picker: OpenPicker; readonly onClose: () => void }) {
  const pane = useRef(document.querySelector('.react-flow')?.getBoundingClientRect());
  const box = pane.current;
  const { screen } = picker;
  const at =
    screen === null || box === undefined
      ? null
      : { x: Math.max(8, Math.min(screen.x - box.left, box.width - WIDTH - 8)), y: Math.max(8, Math.min(screen.y - box.top, box.height - HEIGHT - 8)) };
  const pick = (type: NodeTypeEntry): void => {
    PickerHost.add(bench, type, picker.placement);
    onClose();
  };
  return <NodePicker catalogue={bench.catalogue} at={at} withTriggers={picker.placement.kind === 'free' || picker.placement.kind === 'at' || screen === null} onPick={pick} onClose={onClose} />;
}

/** Adds a step and, when it lies outside of what is seen, brings it into view. */
PickerHost.add = (bench: Workbench, type: NodeTypeEntry, placement: Placement): void => {
  const free: Placement = type.group === 'trigger' && placement.kind !== 'at' ? { kind: 'free' } : placement;
  const id = addStep(bench, type, free);
  requestAnimationFrame(() => {
    const view = bench.view();
    const pane = document.querySelector('.react-flow')?.getBoundingClientRect();
    const node = bench.flow.getState().nodes.find((other) => other.id === id);
    if (view === null || pane === undefined || node === undefined) return;
    const corner = view.flowToScreenPosition({ x: node.position.x + (node.width ?? 0), y: node.position.y + (node.height ?? 0) });
    const start = view.flowToScreenPosition(node.position);
    const inside = start.x > pane.left && start.y > pane.top && corner.x < pane.right && corner.y < pane.bottom;
    if (!inside) void view.fitView({ padding: 0.2, maxZoom: 1, duration: 180 });
  });
};
