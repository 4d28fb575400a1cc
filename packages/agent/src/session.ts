import type { JournalEvent } from '@switchyard/pipeline';
import type { AgentEvent, AgentPorts, AgentRequest } from './contract.ts';
import { needsNote, REPEATED_NOTE } from './guard.ts';
import { type AgentState, type CallRecord, emptyState, foldEvent } from './history.ts';
import { type LoadResult, shownResult } from './window.ts';

/** One run of the loop: the fold so far and the way to add to it. */
export type Session = {
  readonly request: AgentRequest;
  readonly state: AgentState;
  /** The caller's ports; `signal` also fires when an append failed, so that what runs beside it stops. */
  readonly ports: AgentPorts;
  /** Names the step in idempotency keys. */
  readonly identity: string;
  /**
   * Appends and then folds, one append at a time in the order of the calls; `events` is asked when its turn has come.
   * After a failure nothing more is written and every later call rejects with the same error.
   */
  write(events: () => readonly AgentEvent[], options?: { readonly intent: boolean }): Promise<void>;
  /** The text of a result as the model is shown it. */
  readonly load: LoadResult;
  /** The text of a result, all of it. */
  readonly loadWhole: LoadResult;
};

/** Opens a session where `history` ends. */
export function openSession(request: AgentRequest, history: readonly JournalEvent[], given: AgentPorts): Session {
  const stop = new AbortController();
  const ports = { ...given, signal: AbortSignal.any([given.signal, stop.signal]) };
  const state = emptyState();
  for (const event of history) foldEvent(state, event);
  const first = history[0];
  const shown = new Map<string, string>();
  let hidden = state.hidden;
  const loadWhole = async (record: CallRecord): Promise<string> =>
    record.result ? ports.journal.load(record.result.value) : '';
  return {
    request,
    state,
    ports,
    identity: given.identity ?? (first ? `${first.runId}/${first.stepKey ?? ''}` : ''),
    write: oneAtATime(async (events, intent) => {
      ports.signal.throwIfAborted();
      await ports.journal.append(events, { intent }).catch((error: unknown) => {
        stop.abort(error);
        throw error;
      });
      for (const event of events) foldEvent(state, event);
    }),
    loadWhole,
    async load(record) {
      // kept for what is in sight only, so that memory does not grow with the run
      if (hidden !== state.hidden) shown.clear();
      hidden = state.hidden;
      let text = shown.get(record.call.id);
      if (text === undefined) {
        text = shownResult(await loadWhole(record), request.windowTokens);
        if (record.result) shown.set(record.call.id, text);
      }
      return needsNote(state, record) ? `${text}\n${REPEATED_NOTE}` : text;
    },
  };
}

function oneAtATime(append: (events: readonly AgentEvent[], intent: boolean) => Promise<void>): Session['write'] {
  let last: Promise<void> = Promise.resolve();
  return (events, options) => {
    const next = last.then(async () => {
      const list = events();
      if (list.length > 0) await append(list, options?.intent ?? false);
    });
    last = next.catch(() => undefined);
    return next;
  };
}
