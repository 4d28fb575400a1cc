import { useRef } from 'react';
import { addStep, type Placement, type Workbench } from '../canvas/actions.ts';
import { NodePicker } from '../canvas/NodePicker.tsx';
import type { NodeTypeEntry } from '../document/node-types.ts';
import type { OpenPicker } from './open-picker.ts';

const WIDTH = 320;
const HEIGHT = 480;

/** Puts the node search over the canvas, where it was asked for, and adds what is chosen. */
export function PickerHost({
  bench,
  picker,
  onClose,
}: {
  readonly bench: Workbench;
  readonly picker: OpenPicker;
  readonly onClose: () => void;
}) {
  const pane = useRef(document.querySelector('.react-flow')?.getBoundingClientRect());
  const box = pane.current;
  const { screen } = picker;
  const at =
    screen === null || box === undefined
      ? null
      : {
          x: Math.max(8, Math.min(screen.x - box.left, box.width - WIDTH - 8)),
          y: Math.max(8, Math.min(screen.y - box.top, box.height - HEIGHT - 8)),
        };
  const pick = (type: NodeTypeEntry): void => {
    addPicked(bench, type, picker.placement);
    onClose();
  };
  return (
    <NodePicker
      catalogue={bench.catalogue}
      at={at}
      withTriggers={picker.placement.kind === 'free' || picker.placement.kind === 'at' || screen === null}
      onPick={pick}
      onClose={onClose}
    />
  );
}

/** Adds a step where it belongs: triggers stand free, all else follows the placement. */
export function addPicked(bench: Workbench, type: NodeTypeEntry, placement: Placement): void {
  addStep(bench, type, type.group === 'trigger' && placement.kind !== 'at' ? { kind: 'free' } : placement);
}
