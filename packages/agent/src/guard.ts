import type { ToolCall } from '@switchyard/pipeline';
import { callIdentity, canonicalJson } from './canonical.ts';
import { type AgentState, type CallRecord, keptTurns, turnsWithoutNews } from './history.ts';

/*
 * The loop guard. A call that was made with the same result three times gets a note with its third result, is not made
 * the fourth time, and ends the stretch the fifth time. Only the newest calls are looked at: asking a clock once an hour
 * is work, asking it three times in a row is not.
 */

const WATCHED_CALLS = 12;
const SAME_UNTIL_NOTE = 3;

/** Appended to the third result, which is itself given in full: a model that cannot see the content would ask once more. */
export const REPEATED_NOTE = 'Note: this call has now given the same result three times. Do something else, or answer.';

/** Given in place of a result to a call that is not made. */
export const BLOCKED =
  'error: not called again, the result would be the same as three times before. Do something else, or answer.';

const newestCalls = (state: AgentState): readonly CallRecord[] =>
  keptTurns(state)
    .flatMap((turn) => turn.calls)
    .slice(-WATCHED_CALLS);

const sameResult = (a: CallRecord | undefined, b: CallRecord | undefined): boolean =>
  a?.result != null && b?.result != null && canonicalJson(a.result.value) === canonicalJson(b.result.value);

const isBlocked = (record: CallRecord | undefined): boolean =>
  record?.result != null && 'inline' in record.result.value && record.result.value.inline === BLOCKED;

const MOST_TURNS_WITHOUT_NEWS = 10;

/** Whether the model goes in circles: calls known things, or fails, turn after turn. */
export const goesInCircles = (state: AgentState): boolean => turnsWithoutNews(state).length >= MOST_TURNS_WITHOUT_NEWS;

/** What to do with a call the model asks for now. */
export function judgeCall(state: AgentState, call: ToolCall): 'call' | 'block' | 'end' {
  const identity = callIdentity(call);
  const earlier = newestCalls(state).filter((record) => callIdentity(record.call) === identity);
  if (isBlocked(earlier.at(-1))) return 'end';
  const last = earlier.slice(-SAME_UNTIL_NOTE);
  return last.length === SAME_UNTIL_NOTE && last.every((record) => sameResult(record, last[0])) ? 'block' : 'call';
}

/** Whether this call's result is the third of its kind in a row, so that the note is shown with it. */
export function needsNote(state: AgentState, record: CallRecord): boolean {
  const calls = keptTurns(state).flatMap((turn) => turn.calls);
  const place = calls.indexOf(record);
  const identity = callIdentity(record.call);
  const last = calls
    .slice(Math.max(0, place + 1 - WATCHED_CALLS), place + 1)
    .filter((candidate) => callIdentity(candidate.call) === identity)
    .slice(-SAME_UNTIL_NOTE);
  return (
    last.length === SAME_UNTIL_NOTE && last.every((candidate) => sameResult(candidate, record)) && !isBlocked(record)
  );
}
