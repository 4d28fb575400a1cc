/*
 * Tool-call ids are part of the prompt and the model was trained on `functions.NAME:IDX` with one counter for the whole
 * conversation. Ids already so, and rising, are kept (a window may begin at 159); all others are renumbered.
 */
import type { Call, Message } from './conversation.ts';

const CANONICAL = /^functions\.(.+):(\d{1,9})$/;

/** Messages with canonical ids, and the index the next call must carry: above every canonical index the history ever showed. */
export type NumberedHistory = { readonly messages: readonly Message[]; readonly nextIndex: number };

/** Renumbers what is not canonical and rising; results go with their calls by id, or by order where ids repeat or are unknown. */
export function numberCalls(messages: readonly Message[]): NumberedHistory {
  let next = 0;
  let highest = -1;
  let waiting: { readonly old: string; readonly id: string }[] = [];
  const number = (call: Call): Call => {
    const index = canonicalIndex(call);
    const kept = index !== null && index >= next ? index : next;
    next = kept + 1;
    highest = Math.max(highest, kept, index ?? -1);
    return { ...call, id: `functions.${call.name}:${kept}` };
  };
  const numbered = messages.map((message): Message => {
    if (message.role === 'assistant') {
      const calls = message.calls.map(number);
      waiting = message.calls.map((call, i) => ({ old: call.id, id: calls[i].id }));
      return { ...message, calls };
    }
    if (message.role !== 'tool') return message;
    const exact = waiting.findIndex(({ old }) => old === message.callId);
    const [match] = waiting.splice(Math.max(exact, 0), 1);
    return match === undefined ? message : { ...message, callId: match.id };
  });
  return { messages: numbered, nextIndex: highest + 1 };
}

function canonicalIndex(call: Call): number | null {
  const match = CANONICAL.exec(call.id);
  return match !== null && match[1] === call.name ? Number(match[2]) : null;
}
