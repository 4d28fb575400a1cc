/* The one internal form of a chat request, after checking and before the template: text only, ids canonical. */
import type { WireTool } from './api.ts';

/** A tool call of the history. `arguments` is the text as the client sent it. */
export type Call = { readonly id: string; readonly name: string; readonly arguments: string };

/** One message. `label` overrides the role's name in the prompt, as the template allows. */
export type Message =
  | { readonly role: 'system' | 'user'; readonly label: string | null; readonly content: string }
  | {
      readonly role: 'assistant';
      readonly label: string | null;
      readonly reasoning: string;
      readonly content: string;
      readonly calls: readonly Call[];
    }
  | { readonly role: 'tool'; readonly label: string | null; readonly content: string; readonly callId: string };

/** Messages and declared tools; `tools` is empty when none were declared. */
export type Conversation = { readonly messages: readonly Message[]; readonly tools: readonly WireTool[] };

/** Index of the last assistant message without calls: thoughts up to it are history and are dropped from the prompt. −1 if none. */
export function lastAnswer(messages: readonly Message[]): number {
  return messages.findLastIndex((message) => message.role === 'assistant' && message.calls.length === 0);
}
