import type { RunEvent } from './event.ts';

/** A tool call as a summary shows it. */
export type CallState = 'asked' | 'running' | 'succeeded' | 'failed' | 'in_doubt';
/** One call of the latest turn that called tools. */
export type CallSummary = { readonly id: string; readonly name: string; readonly state: CallState };

/** What a card of an agent step shows, of fixed size however long the run; the whole story is `foldAgent`. */
export type AgentSummary = {
  /** Turns finished. */
  readonly turns: number;
  readonly incomplete: number;
  readonly tokens: { readonly prompt: number; readonly completion: number; readonly cached: number };
  /** Tool calls asked for, and how many of them failed. */
  readonly calls: number;
  readonly failedCalls: number;
  /** Number of a turn being taken now, or null. */
  readonly thinking: number | null;
  readonly lastThought: string;
  readonly lastText: string;
  /** Calls of the last turn that asked for any. */
  readonly lastCalls: readonly CallSummary[];
  /** Calls hidden from the model by the window. */
  readonly hidden: number;
};

/** An agent that has done nothing yet. */
export function emptyAgent(): AgentSummary {
  return {
    turns: 0,
    incomplete: 0,
    tokens: { prompt: 0, completion: 0, cached: 0 },
    calls: 0,
    failedCalls: 0,
    thinking: null,
    lastThought: '',
    lastText: '',
    lastCalls: [],
    hidden: 0,
  };
}

/** The summary after one in-step event. Kinds that say nothing about turns leave it as it is. */
export function foldAgentSummary(agent: AgentSummary, event: RunEvent): AgentSummary | null {
  switch (event.kind) {
    case 'turn.started':
      return { ...agent, thinking: event.data.turn };
    case 'thought.checkpointed':
      return { ...agent, thinking: event.data.turn, lastThought: event.data.thought, lastText: event.data.text };
    case 'turn.finished':
      return {
        ...agent,
        turns: agent.turns + 1,
        thinking: null,
        tokens: addTokens(agent, event.data.usage),
        calls: agent.calls + event.data.calls.length,
        lastThought: event.data.thought,
        lastText: event.data.text,
        lastCalls:
          event.data.calls.length === 0
            ? agent.lastCalls
            : event.data.calls.map(({ id, name }) => ({ id, name, state: 'asked' })),
      };
    case 'turn.incomplete':
      return {
        ...agent,
        incomplete: agent.incomplete + 1,
        thinking: null,
        tokens: event.data.usage === undefined ? agent.tokens : addTokens(agent, event.data.usage),
      };
    case 'tool.started':
      return withCall(agent, event.data.call.id, 'running');
    case 'tool.finished':
      return {
        ...withCall(agent, event.data.call, event.data.failed ? 'failed' : 'succeeded'),
        failedCalls: agent.failedCalls + (event.data.failed ? 1 : 0),
      };
    case 'tool.in_doubt':
      return withCall(agent, event.data.call, 'in_doubt');
    case 'tool.decided':
      return withCall(
        agent,
        event.data.call,
        event.data.decision === 'fail' ? 'failed' : event.data.decision === 'use' ? 'succeeded' : 'running',
      );
    case 'window.compacted':
      return { ...agent, hidden: event.data.hidden };
    default:
      return null;
  }
}

function withCall(agent: AgentSummary, id: string, state: CallState): AgentSummary {
  return { ...agent, lastCalls: agent.lastCalls.map((call) => (call.id === id ? { ...call, state } : call)) };
}

function addTokens(
  agent: AgentSummary,
  usage: { readonly prompt: number; readonly completion: number; readonly cached?: number | undefined },
): AgentSummary['tokens'] {
  const { prompt, completion, cached } = agent.tokens;
  return {
    prompt: prompt + usage.prompt,
    completion: completion + usage.completion,
    cached: cached + (usage.cached ?? 0),
  };
}
