import type { AgentRequest, ChatMessage, ToolDeclaration } from './contract.ts';
import { type AgentState, type CallRecord, callsOf, visibleTurns } from './history.ts';

/*
 * What the model sees of a run: the system text, the task, at most one note about calls that are hidden, and whole turns.
 * It is computed from the fold alone, so a worker that goes on after a crash sends the very same bytes.
 */

/** Reads the text of a result. */
export type LoadResult = (record: CallRecord) => Promise<string>;

const noteAbout = (hidden: number): ChatMessage => ({
  role: 'system',
  content: `Earlier steps 1-${hidden} are hidden.`,
});

/** Where ids are the family's own, the number goes on after the hidden calls, whatever the journal had to call it. */
const shownId = (record: CallRecord, position: number): string =>
  /^functions\..+:\d+/.test(record.call.id) ? `functions.${record.call.name}:${position}` : record.call.id;

/** The messages of the next turn. */
export async function buildMessages(
  request: AgentRequest,
  state: AgentState,
  load: LoadResult,
): Promise<readonly ChatMessage[]> {
  const messages: ChatMessage[] = [];
  if (request.system !== '') messages.push({ role: 'system', content: request.system });
  messages.push({ role: 'user', content: request.prompt });
  if (state.hidden > 0) messages.push(noteAbout(state.hidden));
  let position = state.hidden;
  for (const turn of visibleTurns(state)) {
    const shown = turn.calls.map((record) => ({ record, id: shownId(record, position++) }));
    messages.push({
      role: 'assistant',
      content: turn.text,
      reasoning: turn.thought,
      calls: shown.map(({ record, id }) => ({ id, name: record.call.name, arguments: record.call.arguments })),
    });
    for (const { record, id } of shown) messages.push({ role: 'tool', callId: id, content: await load(record) });
  }
  return messages;
}

/**
 * How many calls in all should be hidden, or null where the prompt fits. Only the newest turn with good results stays, and what came after it:
 * hiding much and seldom keeps the prompt's beginning, and with it the engine's cache, the same for many turns (measured
 * on a chain of 300 calls in a window of 700 tokens: 67 tokens computed a turn, against 250 when two calls were kept in
 * 450).
 */
export async function planWindow(
  request: AgentRequest,
  state: AgentState,
  port: {
    readonly tools: readonly ToolDeclaration[];
    readonly load: LoadResult;
    count(messages: readonly ChatMessage[]): Promise<number>;
  },
): Promise<number | null> {
  const visible = visibleTurns(state);
  if (visible.length < 2 || (await fitsForSure(request, state, port))) return null;
  if ((await port.count(await buildMessages(request, state, port.load))) <= request.windowTokens) return null;
  // calls that failed since the last good result say little without it
  const good = visible.findLastIndex((turn) => turn.progress);
  return state.hidden + callsOf(visible.slice(0, good > 0 ? good : -1));
}

/** Bytes are at least as many as tokens, template marks included in the allowance: a prompt that fits so needs no count. */
async function fitsForSure(
  request: AgentRequest,
  state: AgentState,
  port: { readonly tools: readonly ToolDeclaration[]; readonly load: LoadResult },
): Promise<boolean> {
  const MARKS_PER_MESSAGE = 16;
  let bound =
    Buffer.byteLength(JSON.stringify(port.tools)) +
    Buffer.byteLength(request.system) +
    Buffer.byteLength(request.prompt) +
    8 * MARKS_PER_MESSAGE;
  for (const turn of visibleTurns(state)) {
    bound += Buffer.byteLength(turn.text) + Buffer.byteLength(turn.thought) + MARKS_PER_MESSAGE;
    for (const record of turn.calls) {
      bound +=
        Buffer.byteLength(record.call.arguments) +
        2 * Buffer.byteLength(record.call.id) +
        Buffer.byteLength(await port.load(record)) +
        2 * MARKS_PER_MESSAGE;
      if (bound > request.windowTokens) return false;
    }
  }
  return bound <= request.windowTokens;
}

/**
 * The part of a result that is shown: whole up to as many characters as the window has tokens, else its head and tail
 * with a line that says how much is left out. The journal holds all of it.
 */
export function shownResult(text: string, windowTokens: number): string {
  if (text.length <= windowTokens) return text;
  const head = Math.floor(windowTokens * 0.6);
  const tail = Math.floor(windowTokens * 0.3);
  const shown = `${text.slice(0, head)}\n[${text.length - head - tail} characters are left out here]\n${text.slice(-tail)}`;
  // a copy: in V8 a slice keeps the whole text it was cut from alive. UTF-16, so that half a sign stays what it was
  return Buffer.from(shown, 'utf16le').toString('utf16le');
}
