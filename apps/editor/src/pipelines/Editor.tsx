import { useNavigate, useSearch } from '@tanstack/react-router';
import { type Edge, type ReactFlowInstance, ReactFlowProvider } from '@xyflow/react';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useStore } from 'zustand';
import { commitMoves, join, reveal, type Workbench } from '../canvas/actions.ts';
import { Canvas, type CanvasGestures } from '../canvas/Canvas.tsx';
import { type CanvasNode, createFlow, type FlowState } from '../canvas/flow.ts';
import { keepInView } from '../canvas/keep-in-view.ts';
import { CanvasContext, type CanvasSurroundings, showProblems } from '../canvas/surroundings.ts';
import type { DraftStore } from '../document/draft-store.ts';
import { changeNote, type Point } from '../document/edits.ts';
import type { Catalogue } from '../document/node-types.ts';
import { connectionProblem } from '../document/ports.ts';
import { useRunFeed } from '../live/run-feed.ts';
import { later } from '../system.ts';
import { CanvasTools } from './CanvasTools.tsx';
import { ConflictDialog } from './ConflictDialog.tsx';
import { EditorHeader } from './EditorHeader.tsx';
import { EmptyCanvas } from './EmptyCanvas.tsx';
import css from './editor.module.css';
import type { OpenPicker } from './open-picker.ts';
import { addPicked, PickerHost } from './PickerHost.tsx';
import { SidePanel } from './SidePanel.tsx';
import { useEditorShortcuts } from './use-editor-shortcuts.tsx';

/** The one selected step, or null when none or several are. */
const onlyStep = ({ nodes }: FlowState): string | null => {
  const chosen = nodes.filter((node) => node.selected);
  const [only] = chosen;
  return chosen.length === 1 && only?.type === 'step' ? only.id : null;
};

/** The editor of one open draft: header, canvas, and what is known of the selected step or the shown run. */
export function Editor({ draft, catalogue }: { readonly draft: DraftStore; readonly catalogue: Catalogue }) {
  const [picker, setPicker] = useState<OpenPicker | null>(null);
  const { bench, setView } = useWorkbench(draft, catalogue);
  const { run } = useSearch({ from: '/pipelines/$pid' });
  const feed = useRunFeed(run ?? null);
  const selected = useStore(bench.flow, onlyStep);
  const gestures = useGestures(bench, setPicker);
  const surroundings = useMemo(
    (): CanvasSurroundings => ({
      catalogue,
      readOnly: false,
      insertOn: (edgeId) => setPicker({ placement: { kind: 'edge', edgeId }, screen: null }),
      writeNote: (id, text) =>
        draft.edit({ label: 'write note', mergeKey: `note:${id}` }, (document) =>
          changeNote(document, id, (note) => ({ ...note, text })),
        ),
    }),
    [catalogue, draft],
  );
  const closePicker = useCallback(() => setPicker(null), []);
  useValidation(draft);
  useEffect(() => {
    if (selected !== null) keepInView(bench, selected);
  }, [bench, selected]);
  useNodeInAddress(bench, selected);
  useLeaveGuard(draft);
  const dialogs = useEditorShortcuts(bench, setPicker);
  return (
    <ReactFlowProvider>
      <div className={css.page}>
        <EditorHeader bench={bench} dialogs={dialogs} />
        <div className={css.work}>
          <div className={css.canvas}>
            <CanvasContext value={surroundings}>
              <Canvas flow={bench.flow} gestures={gestures} onReady={setView}>
                <CanvasTools bench={bench} onAdd={setPicker} dialogs={dialogs} />
              </Canvas>
            </CanvasContext>
            <EmptyCanvas bench={bench} onSearch={() => setPicker({ placement: { kind: 'free' }, screen: null })} />
            {picker === null ? null : <PickerHost bench={bench} picker={picker} onClose={closePicker} />}
          </div>
          <SidePanel bench={bench} selected={selected} feed={feed} />
        </div>
        <ConflictDialog />
        {dialogs.element}
      </div>
    </ReactFlowProvider>
  );
}

function useWorkbench(
  draft: DraftStore,
  catalogue: Catalogue,
): { readonly bench: Workbench; readonly setView: (view: ReactFlowInstance<CanvasNode, Edge>) => void } {
  const view = useRef<ReactFlowInstance<CanvasNode, Edge> | null>(null);
  const bench = useMemo((): Workbench => {
    const flow = createFlow(catalogue);
    flow.sync(draft.getState().document);
    return { draft, flow, catalogue, view: () => view.current };
  }, [draft, catalogue]);
  useEffect(
    () =>
      draft.subscribe((state, before) => {
        if (state.document !== before.document) bench.flow.sync(state.document);
      }),
    [draft, bench],
  );
  const setView = useCallback((instance: ReactFlowInstance<CanvasNode, Edge>) => {
    view.current = instance;
  }, []);
  return { bench, setView };
}

function useGestures(bench: Workbench, open: (picker: OpenPicker) => void): CanvasGestures {
  return useMemo(() => {
    const toCanvas = (screen: Point): Point => bench.view()?.screenToFlowPosition(screen) ?? screen;
    const document = () => bench.draft.getState().document;
    return {
      moved: (places, byKeyboard) => commitMoves(bench, places, byKeyboard),
      connected: ({ source, sourceHandle, target, targetHandle }) =>
        void join(bench, { node: source, port: sourceHandle ?? 'out' }, { node: target, port: targetHandle ?? 'in' }),
      canConnect: ({ source, sourceHandle, target, targetHandle }) =>
        connectionProblem(
          bench.catalogue,
          document(),
          { node: source, port: sourceHandle ?? 'out' },
          { node: target, port: targetHandle ?? 'in' },
        ) === null,
      droppedWire: (from, screen) => {
        const point = toCanvas(screen);
        // The new card's input, not its corner, goes where the wire was dropped. The click that ends the drag must pass first.
        later(() => open({ placement: { kind: 'after', from, point: { x: point.x, y: point.y - 32 } }, screen }), 0);
      },
      droppedType: (id, screen) => {
        const type = bench.catalogue.byId.get(id);
        const point = toCanvas(screen);
        if (type !== undefined) addPicked(bench, type, { kind: 'at', point: { x: point.x - 112, y: point.y - 32 } });
      },
    };
  }, [bench, open]);
}

const VALIDATE_MS = 120;

/** Validates the draft a moment after each change; the validator is loaded apart. */
function useValidation(draft: DraftStore): void {
  useEffect(() => {
    let cancel = (): void => undefined;
    const check = (): void => {
      cancel();
      cancel = later(() => {
        void import('../document/validation.ts').then(({ validate }) =>
          showProblems(validate(draft.getState().document)),
        );
      }, VALIDATE_MS);
    };
    check();
    const stop = draft.subscribe((state, before) => (state.document === before.document ? undefined : check()));
    return () => {
      stop();
      cancel();
      showProblems([]);
    };
  }, [draft]);
}

/** Keeps `?node=` and the selection the same thing, so that a copied address opens the same step. */
function useNodeInAddress(bench: Workbench, selected: string | null): void {
  const navigate = useNavigate({ from: '/pipelines/$pid' });
  const { node } = useSearch({ from: '/pipelines/$pid' });
  const first = useRef(node);
  useEffect(() => {
    if (first.current !== undefined) reveal(bench, first.current);
  }, [bench]);
  useEffect(() => {
    if (first.current !== undefined && selected === null) {
      first.current = undefined;
      return;
    }
    first.current = undefined;
    void navigate({ search: (old) => ({ ...old, node: selected ?? undefined }), replace: true });
  }, [selected, navigate]);
}

/** Asks before the tab closes while something is not on the server and the browser could not keep it either. */
function useLeaveGuard(draft: DraftStore): void {
  useEffect(() => {
    const hidden = (): void => {
      if (document.visibilityState === 'hidden') void draft.flush();
    };
    document.addEventListener('visibilitychange', hidden);
    return () => document.removeEventListener('visibilitychange', hidden);
  }, [draft]);
}
