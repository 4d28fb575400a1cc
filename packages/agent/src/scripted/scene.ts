import { expect, onTestFinished } from 'vitest';
import type { AgentEvent, AgentResult } from '../contract.ts';
import {
  type Script,
  type ScriptedModel,
  type ScriptedReply,
  type SeenRequest,
  startScriptedModel,
} from './model-server.ts';
import { testTool } from './ports.ts';

/* What the tests of the loop have in common: scripts, a chain to walk, and readers of requests. */

/** A scripted model that ends with the test. */
export async function model(script: Script): Promise<ScriptedModel> {
  const started = await startScriptedModel(script);
  onTestFinished(() => started.close());
  return started;
}

/** Replies one after another. */
export const inOrder =
  (...replies: ScriptedReply[]): Script =>
  (_request, number) =>
    replies[number - 1] ?? { text: 'the script is at its end' };

/** A turn that calls `look` with `x`. */
export const call = (x: string, id?: string): ScriptedReply => ({
  thought: `I call ${x}.`,
  calls: [{ name: 'look', arguments: JSON.stringify({ x }), ...(id ? { id } : {}) }],
});

/** Kinds of events, in order. */
export const kinds = (events: readonly AgentEvent[]): string[] => events.map((event) => event.kind);

/** Results as a request shows them. */
export const results = (request: SeenRequest | undefined): (string | null)[] =>
  (request?.messages ?? []).filter((message) => message.role === 'tool').map((message) => message.content);

/** What a run ends with that must not answer. */
export const failure = (run: Promise<AgentResult>): Promise<unknown> =>
  run.then(
    (value) => expect.fail(`it answered ${value.text}`),
    (error: unknown) => error,
  );

/** Walks a chain `0 → 1 → … → last`, deciding only from what it is shown, as a model does. */
export const walker =
  (last: number): Script =>
  ({ messages }) => {
    const at = Number(messages.findLast((message) => message.role === 'tool')?.content?.slice(4) ?? 0);
    if (at === last) return { thought: 'There.', text: `end ${at}` };
    const note = messages[2]?.role === 'system' ? (messages[2].content ?? '') : '';
    const count =
      Number(/1-(\d+) /.exec(note)?.[1] ?? 0) + messages.flatMap((message) => message.tool_calls ?? []).length;
    return {
      thought: `Now ${at}.`,
      calls: [{ id: `functions.look:${count}`, name: 'look', arguments: JSON.stringify({ x: String(at) }) }],
    };
  };

/** The tool that takes a step on the chain. */
export const step = (): ReturnType<typeof testTool> => testTool('look', ({ x }) => `now ${Number(x) + 1}`);
