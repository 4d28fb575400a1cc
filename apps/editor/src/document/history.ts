import type { PipelineDocument } from '@switchyard/pipeline';

/*
 * Undo and redo. Documents are immutable and share structure, so an entry is one reference to the document before the
 * gesture: going back restores it exactly, order and edges included. One gesture is one entry; a burst with the same
 * `mergeKey` (typing in one field, arrow-key moves of one selection) is one entry too.
 *
 * past ── record ──▶ grows, future is dropped · undo moves the last entry to future · redo moves it back
 */

/** What a person did, in words for the menu ("Undo: move Fetch"). */
export type Gesture = { readonly label: string; readonly mergeKey?: string; readonly at: number };

type Entry = Gesture & { readonly document: PipelineDocument };

/** The stack of one open draft. `past` holds documents before each gesture, `future` those after undone ones. */
export type History = { readonly past: readonly Entry[]; readonly future: readonly Entry[] };

/** A history with nothing to undo: what a freshly loaded draft has. */
export const EMPTY_HISTORY: History = { past: [], future: [] };

const MERGE_MS = 1_000;
const KEPT = 200;

/** Notes that `before` was left by a gesture. Merges into the last entry when key and time allow; drops what could be redone. */
export function record(history: History, before: PipelineDocument, gesture: Gesture): History {
  const last = history.past.at(-1);
  const merges =
    history.future.length === 0 &&
    last?.mergeKey !== undefined &&
    last.mergeKey === gesture.mergeKey &&
    gesture.at - last.at <= MERGE_MS;
  if (merges) return { past: [...history.past.slice(0, -1), { ...last, at: gesture.at }], future: [] };
  return { past: [...history.past.slice(-KEPT + 1), { ...gesture, document: before }], future: [] };
}

/** The document before the last gesture, or null when there is none. `current` becomes what `redo` brings back. */
export function undo(
  history: History,
  current: PipelineDocument,
): { history: History; document: PipelineDocument } | null {
  const last = history.past.at(-1);
  if (last === undefined) return null;
  return {
    document: last.document,
    history: { past: history.past.slice(0, -1), future: [...history.future, { ...last, document: current }] },
  };
}

/** The document after the gesture that was undone last, or null when there is none. */
export function redo(
  history: History,
  current: PipelineDocument,
): { history: History; document: PipelineDocument } | null {
  const next = history.future.at(-1);
  if (next === undefined) return null;
  return {
    document: next.document,
    history: {
      past: [...history.past, { label: next.label, at: Number.NEGATIVE_INFINITY, document: current }],
      future: history.future.slice(0, -1),
    },
  };
}

/** Words for the menu: what would be undone and redone. */
export const labels = (history: History): { readonly undo: string | null; readonly redo: string | null } => ({
  undo: history.past.at(-1)?.label ?? null,
  redo: history.future.at(-1)?.label ?? null,
});
