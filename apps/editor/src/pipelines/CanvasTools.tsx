import { Panel, useReactFlow, useViewport } from '@xyflow/react';
import { LayoutDashboard, Maximize, Minus, Plus, Redo2, StickyNote, Undo2 } from 'lucide-react';
import { useShallow } from 'zustand/react/shallow';
import { addNoteHere, defaultPlacement, tidy, type Workbench } from '../canvas/actions.ts';
import { useDraftPart } from '../document/draft-store.ts';
import { labels } from '../document/history.ts';
import { Button, IconButton } from '../ui/Button.tsx';
import css from './editor.module.css';
import type { OpenPicker } from './open-picker.ts';
import type { EditorDialogs } from './use-editor-shortcuts.tsx';

type Props = {
  readonly bench: Workbench;
  readonly onAdd: (picker: OpenPicker) => void;
  readonly dialogs: EditorDialogs;
};

/** Tools over the canvas: add, undo, redo, note, tidy; zoom at the bottom. */
export function CanvasTools({ bench, onAdd, dialogs }: Props) {
  const { undo, redo } = useDraftPart(useShallow((state) => labels(state.history)));
  return (
    <>
      <Panel position="top-left" className={css.tools ?? ''}>
        <Button
          tone="primary"
          icon={<Plus size={15} />}
          title="Add node (N)"
          onClick={() => onAdd({ placement: defaultPlacement(bench), screen: null })}
        >
          Add node
        </Button>
        <div className={css.toolGroup}>
          <IconButton
            label={undo === null ? 'Undo' : `Undo: ${undo}`}
            shortcut="Ctrl+Z"
            disabled={undo === null}
            onClick={bench.draft.undo}
          >
            <Undo2 size={15} />
          </IconButton>
          <IconButton
            label={redo === null ? 'Redo' : `Redo: ${redo}`}
            shortcut="Ctrl+Shift+Z"
            disabled={redo === null}
            onClick={bench.draft.redo}
          >
            <Redo2 size={15} />
          </IconButton>
          <IconButton label="Add note" shortcut="Shift+S" onClick={() => addNoteHere(bench)}>
            <StickyNote size={15} />
          </IconButton>
          <IconButton label="Tidy up" shortcut="Shift+Alt+T" onClick={() => void tidy(bench)}>
            <LayoutDashboard size={15} />
          </IconButton>
        </div>
      </Panel>
      <ZoomTools onHelp={dialogs.openHelp} />
    </>
  );
}

/** Zoom out, in, to 100 % and to everything. */
export function ZoomTools({ onHelp }: { readonly onHelp?: () => void }) {
  const { zoomIn, zoomOut, zoomTo, fitView } = useReactFlow();
  const { zoom } = useViewport();
  return (
    <Panel position="bottom-left" className={css.tools ?? ''}>
      <div className={css.toolGroup}>
        <IconButton label="Zoom out" shortcut="-" onClick={() => void zoomOut()}>
          <Minus size={15} />
        </IconButton>
        <button
          type="button"
          className={css.zoom}
          aria-label="Zoom to 100 %"
          title="Zoom to 100 % (0)"
          onClick={() => void zoomTo(1, { duration: 120 })}
        >
          {Math.round(zoom * 100)} %
        </button>
        <IconButton label="Zoom in" shortcut="+" onClick={() => void zoomIn()}>
          <Plus size={15} />
        </IconButton>
        <IconButton
          label="Fit everything"
          shortcut="1"
          onClick={() => void fitView({ padding: 0.2, maxZoom: 1, duration: 180 })}
        >
          <Maximize size={15} />
        </IconButton>
        {onHelp === undefined ? null : (
          <IconButton label="Keyboard shortcuts" shortcut="?" onClick={onHelp}>
            ?
          </IconButton>
        )}
      </div>
    </Panel>
  );
}
