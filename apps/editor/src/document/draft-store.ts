import { type PipelineDocument, parseDocument } from '@switchyard/pipeline';
import { createContext, useContext } from 'react';
import { createStore, type StoreApi, useStore } from 'zustand';
import { type PipelineDetail, saveDraft } from '../api/resources.ts';
import { later, now } from '../system.ts';
import { dropDraft, keepDraft, keptDraft } from './draft-journal.ts';
import { sameDocument } from './edits.ts';
import { EMPTY_HISTORY, type History, record, redo, undo } from './history.ts';
import { type Draft, hasUnsaved, type SaveState } from './save.ts';
import { createSaver, type Saver, type SendOutcome } from './saver.ts';

/*
 * The draft of one opened pipeline: its document, its undo stack and where saving stands. Made when the pipeline is
 * opened and closed when it is left, so no edit can ever land in another pipeline.
 */

/** What is known of an open draft. */
export type DraftState = {
  readonly pipelineId: string;
  readonly name: string;
  readonly document: PipelineDocument;
  readonly history: History;
  readonly save: SaveState;
  /** True when the draft came from this browser's journal and not from the server. */
  readonly restored: boolean;
};

/** How an edit is noted. Edits with one `mergeKey` in quick succession are one entry of the undo stack. */
export type EditNote = { readonly label: string; readonly mergeKey?: string };

/** An open draft and everything that can be done to it. */
export type DraftStore = StoreApi<DraftState> & {
  /** Applies a person's edit. A change that answers the same document is no edit. */
  readonly edit: (note: EditNote, change: (document: PipelineDocument) => PipelineDocument) => void;
  readonly undo: () => void;
  readonly redo: () => void;
  readonly rename: (name: string) => void;
  /** Sends what is unsaved now. */
  readonly flush: () => Promise<SaveState>;
  readonly keepMine: () => void;
  readonly takeTheirs: () => void;
  readonly close: () => void;
};

const parse = (json: unknown): PipelineDocument | null => {
  const parsed = parseDocument(json);
  return parsed.ok ? parsed.document : null;
};

/** Opens a draft: the server's, or what this browser kept of it when that is not on the server yet. */
export function openDraft(pipeline: PipelineDetail): DraftStore {
  const kept = keptDraft(localStorage, pipeline.id, parse);
  const initialSave: SaveState =
    kept === null ? { phase: 'saved', version: pipeline.version, at: null } : { phase: 'dirty', version: kept.version };
  const store = createStore<DraftState>(() => ({
    pipelineId: pipeline.id,
    name: kept?.name ?? pipeline.name,
    document: kept?.document ?? pipeline.document,
    history: EMPTY_HISTORY,
    save: initialSave,
    restored: kept !== null,
  }));
  const saver = createSaver(initialSave, {
    read: () => ({ name: store.getState().name, document: store.getState().document }),
    send: async (draft, version) => sameIsAccepted(draft, await saveDraft(pipeline.id, draft, version)),
    later,
    now,
    changed: (save) => {
      store.setState({ save });
      const { name, document } = store.getState();
      if (save.phase === 'saved') dropDraft(localStorage, pipeline.id);
      else keepDraft(localStorage, pipeline.id, { name, document, version: save.version });
    },
  });
  if (kept !== null) void saver.flush();
  return { ...store, ...actionsOf(store, saver) };
}

/** A save whose answer got lost comes back as a conflict with ourselves: the server already holds just this. */
const sameIsAccepted = (draft: Draft, sent: SendOutcome): SendOutcome =>
  sent.outcome === 'conflict' && sent.theirs.name === draft.name && sameDocument(sent.theirs.document, draft.document)
    ? { outcome: 'accepted', version: sent.theirs.version }
    : sent;

function actionsOf(store: StoreApi<DraftState>, saver: Saver): Omit<DraftStore, keyof StoreApi<DraftState>> {
  const step = (move: typeof undo): void => {
    const { history, document } = store.getState();
    const moved = move(history, document);
    if (moved === null) return;
    store.setState(moved);
    saver.edited();
  };
  return {
    edit: (note, change) => {
      const { document, history } = store.getState();
      const next = change(document);
      if (next === document) return;
      store.setState({ document: next, history: record(history, document, { ...note, at: now() }) });
      saver.edited();
    },
    undo: () => step(undo),
    redo: () => step(redo),
    rename: (name) => {
      if (name === store.getState().name) return;
      store.setState({ name });
      saver.edited();
    },
    flush: saver.flush,
    keepMine: saver.keepMine,
    takeTheirs: () => {
      const { save } = store.getState();
      if (save.phase !== 'conflict') return;
      store.setState({
        name: save.theirs.name,
        document: save.theirs.document,
        history: EMPTY_HISTORY,
        restored: false,
      });
      saver.tookTheirs();
    },
    close: () => {
      // The journal in this browser holds what is not saved; this asks the server to take it before we go.
      if (hasUnsaved(saver.state())) void saver.flush();
      saver.close();
    },
  };
}

const Context = createContext<DraftStore | null>(null);

/** Gives the open draft to what is drawn below. */
export const OpenDraft = Context.Provider;

/** The open draft. Throws outside of a canvas page. */
export function useDraft(): DraftStore {
  const draft = useContext(Context);
  if (draft === null) throw new Error('There is no open draft here.');
  return draft;
}

/** A part of the open draft; draws anew when it changes. */
export function useDraftPart<T>(select: (state: DraftState) => T): T {
  return useStore(useDraft(), select);
}
