import { type ReactNode, useEffect, useMemo, useState } from 'react';
import type { Workbench } from '../canvas/actions.ts';
import * as actions from '../canvas/actions.ts';
import { keysAreTaken, type Shortcut, useShortcuts } from '../canvas/shortcuts.ts';
import { Dialog } from '../ui/Dialog.tsx';
import css from './editor.module.css';
import type { OpenPicker } from './open-picker.ts';

/** Which dialog of the editor is open, and how others open one. */
export type EditorDialogs = {
  readonly openRun: () => void;
  readonly runAsked: number;
  readonly openHelp: () => void;
  readonly element: ReactNode;
};

/** The editor's shortcuts and clipboard; answers how to open its dialogs. */
export function useEditorShortcuts(bench: Workbench, openPicker: (picker: OpenPicker) => void): EditorDialogs {
  const [help, setHelp] = useState(false);
  const [runAsked, setRunAsked] = useState(0);
  const shortcuts = useMemo(
    () =>
      shortcutsOf(bench, {
        search: () => openPicker({ placement: actions.defaultPlacement(bench), screen: null }),
        run: () => setRunAsked((count) => count + 1),
        help: () => setHelp(true),
      }),
    [bench, openPicker],
  );
  useShortcuts(shortcuts);
  useClipboard(bench);
  return {
    openRun: () => setRunAsked((count) => count + 1),
    runAsked,
    openHelp: () => setHelp(true),
    element: help ? <HelpDialog shortcuts={shortcuts} onClose={() => setHelp(false)} /> : null,
  };
}

type Asks = { readonly search: () => void; readonly run: () => void; readonly help: () => void };

function shortcutsOf(bench: Workbench, ask: Asks): readonly Shortcut[] {
  const view = bench.view;
  const fit = (): void => void view()?.fitView({ padding: 0.2, maxZoom: 1, duration: 180 });
  const rename = (): void => document.getElementById('node-name')?.focus();
  return [
    { keys: ['N', 'Tab'], shown: 'N or Tab', label: 'Add node', run: ask.search },
    { keys: ['Ctrl+Enter'], shown: 'Ctrl+Enter', label: 'Run the draft', run: ask.run },
    { keys: ['Ctrl+S'], shown: 'Ctrl+S', label: 'Save now', run: () => void bench.draft.flush() },
    { keys: ['Ctrl+Z'], shown: 'Ctrl+Z', label: 'Undo', run: bench.draft.undo },
    { keys: ['Ctrl+Shift+Z', 'Ctrl+Y'], shown: 'Ctrl+Shift+Z', label: 'Redo', run: bench.draft.redo },
    { keys: ['Delete', 'Backspace'], shown: 'Del', label: 'Delete selected', run: () => actions.removeSelected(bench) },
    { keys: ['Ctrl+D'], shown: 'Ctrl+D', label: 'Duplicate', run: () => actions.duplicateSelected(bench) },
    { keys: ['Ctrl+A'], shown: 'Ctrl+A', label: 'Select all', run: () => actions.selectAll(bench) },
    { keys: ['Escape'], shown: 'Esc', label: 'Select nothing', run: () => bench.flow.select(new Set()) },
    { keys: ['F2'], shown: 'F2', label: 'Rename step', run: rename },
    { keys: ['Shift+S'], shown: 'Shift+S', label: 'Add note', run: () => actions.addNoteHere(bench) },
    { keys: ['Alt+Shift+T'], shown: 'Shift+Alt+T', label: 'Tidy up', run: () => void actions.tidy(bench) },
    { keys: ['+', '='], shown: '+', label: 'Zoom in', run: () => void view()?.zoomIn() },
    { keys: ['-'], shown: '-', label: 'Zoom out', run: () => void view()?.zoomOut() },
    { keys: ['0'], shown: '0', label: 'Zoom to 100 %', run: () => void view()?.zoomTo(1) },
    { keys: ['1', 'Shift+1'], shown: '1', label: 'Fit everything', run: fit },
    { keys: ['?'], shown: '?', label: 'Show shortcuts', run: ask.help },
  ];
}

const OTHERS = [
  ['Ctrl+C, Ctrl+X, Ctrl+V', 'Copy, cut, paste steps as JSON'],
  ['Arrows', 'Move the selected step by 16'],
  ['Tab, Enter', 'Walk to a step, select it'],
  ['Space + drag, wheel', 'Pan'],
  ['Ctrl + wheel', 'Zoom at the pointer'],
] as const;

function HelpDialog({ shortcuts, onClose }: { readonly shortcuts: readonly Shortcut[]; readonly onClose: () => void }) {
  const rows = [...shortcuts.map(({ shown, label }) => [shown, label] as const), ...OTHERS];
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <dl className={css.shortcuts}>
        {rows.map(([keys, label]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>
              <kbd>{keys}</kbd>
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}

/** Copy, cut and paste through the browser's own events: they need no permission and work over plain HTTP. */
function useClipboard(bench: Workbench): void {
  useEffect(() => {
    const copy = (event: ClipboardEvent): void => {
      if (keysAreTaken(event.target) || (window.getSelection()?.toString() ?? '') !== '') return;
      const text = actions.copySelected(bench);
      if (text === null) return;
      event.clipboardData?.setData('text/plain', text);
      event.preventDefault();
      if (event.type === 'cut') actions.removeSelected(bench);
    };
    const pasted = (event: ClipboardEvent): void => {
      if (keysAreTaken(event.target)) return;
      if (actions.pasteText(bench, event.clipboardData?.getData('text/plain') ?? '', pointer ?? actions.middle(bench)))
        event.preventDefault();
    };
    let pointer: { x: number; y: number } | null = null;
    const moved = (event: PointerEvent): void => {
      const over = event.target instanceof Element && event.target.closest('.react-flow') !== null;
      pointer = over ? (bench.view()?.screenToFlowPosition({ x: event.clientX, y: event.clientY }) ?? null) : null;
    };
    document.addEventListener('copy', copy);
    document.addEventListener('cut', copy);
    document.addEventListener('paste', pasted);
    document.addEventListener('pointermove', moved, { passive: true });
    return () => {
      document.removeEventListener('copy', copy);
      document.removeEventListener('cut', copy);
      document.removeEventListener('paste', pasted);
      document.removeEventListener('pointermove', moved);
    };
  }, [bench]);
}
