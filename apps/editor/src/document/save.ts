import type { PipelineDocument } from '@switchyard/pipeline';

/*
 * Saving a draft, as a state machine without time or network (the driver is `saver.ts`).
 *
 *   saved ──edited──▶ dirty ──sent──▶ saving ──accepted──▶ saved (or dirty, when edited meanwhile)
 *                       ▲               ├─unreachable─▶ offline ──sent──▶ saving
 *                       │               ├─refused─────▶ refused  (the server said no; the next edit or Ctrl+S tries again)
 *                       └──keep mine────┴─conflict────▶ conflict ──take theirs──▶ saved
 *
 * `version` is the draft version on the server that our document builds on. It is read when a save is sent, never
 * when it is asked for, so a queue cannot conflict with itself. One save is in flight at most.
 */

/** The part of a pipeline that a draft holds. */
export type Draft = { readonly name: string; readonly document: PipelineDocument };

/** What the server holds when it refuses a stale version. */
export type Theirs = Draft & { readonly version: number };

/** Where the draft on screen stands against the server. `unsaved` counts gestures not yet accepted there. */
export type SaveState =
  | { readonly phase: 'saved'; readonly version: number; readonly at: number | null }
  | { readonly phase: 'dirty'; readonly version: number }
  | { readonly phase: 'saving'; readonly version: number; readonly editedMeanwhile: boolean }
  | { readonly phase: 'offline'; readonly version: number }
  | { readonly phase: 'refused'; readonly version: number; readonly message: string }
  | { readonly phase: 'conflict'; readonly version: number; readonly theirs: Theirs };

/** What can happen to a draft. */
export type SaveEvent =
  | { readonly type: 'edited' }
  | { readonly type: 'sent' }
  | { readonly type: 'accepted'; readonly version: number; readonly at: number }
  | { readonly type: 'unreachable' }
  | { readonly type: 'refused'; readonly message: string }
  | { readonly type: 'conflicted'; readonly theirs: Theirs }
  | { readonly type: 'kept_mine' }
  | { readonly type: 'took_theirs'; readonly at: number };

/** The state after an event. Events that make no sense in a state leave it as it is. */
export function reduceSave(state: SaveState, event: SaveEvent): SaveState {
  const { version } = state;
  switch (event.type) {
    case 'edited':
      if (state.phase === 'saving') return { ...state, editedMeanwhile: true };
      return state.phase === 'conflict' ? state : { phase: 'dirty', version };
    case 'sent':
      return canSend(state) ? { phase: 'saving', version, editedMeanwhile: false } : state;
    case 'kept_mine':
      return state.phase === 'conflict' ? { phase: 'dirty', version: state.theirs.version } : state;
    case 'took_theirs':
      return state.phase === 'conflict' ? { phase: 'saved', version: state.theirs.version, at: event.at } : state;
    default:
      return state.phase === 'saving' ? answered(state, event) : state;
  }
}

type Answer = Extract<SaveEvent, { readonly type: 'accepted' | 'unreachable' | 'refused' | 'conflicted' }>;

/** What the answer to a save in flight means. */
function answered(state: Extract<SaveState, { readonly phase: 'saving' }>, event: Answer): SaveState {
  const { version, editedMeanwhile } = state;
  switch (event.type) {
    case 'accepted':
      if (editedMeanwhile) return { phase: 'dirty', version: event.version };
      return { phase: 'saved', version: event.version, at: event.at };
    case 'unreachable':
      return { phase: 'offline', version };
    case 'refused':
      return { phase: 'refused', version, message: event.message };
    case 'conflicted':
      return { phase: 'conflict', version, theirs: event.theirs };
  }
}

/** Whether there is something to send and nothing in flight. */
export const canSend = (state: SaveState): boolean =>
  state.phase === 'dirty' || state.phase === 'offline' || state.phase === 'refused';

/** Whether closing the tab now would leave the server without something the person did. */
export const hasUnsaved = (state: SaveState): boolean => state.phase !== 'saved';
