import type { RunEvent, StoredValue, ToolCall, Usage } from './event.ts';
import type { CallState } from './agent-summary.ts';

/** One tool call of a turn, with what came of it. */
export type TracedCall = { readonly call: ToolCall; readonly state: CallState; readonly policy: string | null; readonly result: StoredValue | null; readonly ms: number | null; readonly startedAt: string | null; readonly decision: string | null };

/** One turn. `state` tells whether it is being taken, is done, or was thrown away and taken again. */
export type TracedTurn = {
  readonly turn: number;
  readonly state: 'running' | 'finished' | 'incomplete';
  readonly thought: string;
  readonly text: string;
  readonly calls: readonly TracedCall[];
  readonly usage: Usage | null;
  readonly finishReason: string | null;
  readonly model: string | null;
  readonly modelMs: number | null;
  /** Why it was thrown away; null otherwise. */
  readonly reason: string | null;
  /** Calls hidden from the model when the turn was taken. */
  readonly hidden: number;
  /** Notes and spent budgets recorded while it was the last turn. */
  readonly notes: readonly string[];
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
};

/** The story of an agent step. */
export type AgentTrace = { readonly turns: readonly TracedTurn[]; readonly hidden: number; readonly usage: { readonly prompt: number; readonly completion: number; readonly cached: number } };

/** A story with nothing in it. */
export const emptyTrace = (): AgentTrace => ({ turns: [], hidden: 0, usage: { prompt: 0, completion: 0, cached: 0 } });

/**
 * The turns of one agent step for people to read, from its own events in order; events of other kinds are passed over.
 * Incremental like `foldRun`: `foldAgent(rest, foldAgent(prefix))` equals `foldAgent(all)`. A retaken turn stands
 * beside the one thrown away.
 */
export function foldAgent(events: readonly RunEvent[], trace: AgentTrace = emptyTrace()): AgentTrace {
  return events.reduce(foldOne, trace);
}

function foldOne(trace: AgentTrace, event: RunEvent): AgentTrace {
  switch (event.kind) {
    case 'turn.started':
      return { ...trace, turns: [...trace.turns, { ...newTurn(event.data.turn, trace.hidden), startedAt: event.at }] };
    case 'thought.checkpointed':
      return withOpenTurn(trace, event.data.turn, (turn) => ({ ...turn, thought: event.data.thought, text: event.data.text }));
    case 'turn.finished': {
      const { thought, text, usage, finishReason, model, modelMs } = event.data;
      const calls = event.data.calls.map(newCall);
      return addUsage(withOpenTurn(trace, event.data.turn, (turn) => ({ ...turn, state: 'finished', thought, text, usage, finishReason, model, modelMs, calls, finishedAt: event.at })), usage);
    }
    case 'turn.incomplete': {
      const { reason, thought, text, usage } = event.data;
      const next = withOpenTurn(trace, event.data.turn, (turn) => ({ ...turn, state: 'incomplete', reason, thought: thought ?? turn.thought, text: text ?? turn.text, usage: usage ?? null, finishedAt: event.at }));
      return usage === undefined ? next : addUsage(next, usage);
    }
    case 'window.compacted':
      return { ...trace, hidden: event.data.hidden, turns: withLast(trace.turns, (turn) => (turn.state === 'running' ? { ...turn, hidden: event.data.hidden } : turn)) };
    case 'budget.spent':
      return { ...trace, turns: withLast(trace.turns, (turn) => ({ ...turn, notes: [...turn.notes, `budget spent: ${event.data.budget}`] })) };
    case 'note':
      return { ...trace, turns: withLast(trace.turns, (turn) => ({ ...turn, notes: [...turn.notes, event.data.text] })) };
    default:
      return foldCall(trace, event);
  }
}

function foldCall(trace: AgentTrace, event: RunEvent): AgentTrace {
  switch (event.kind) {
    case 'tool.started':
      return withCall(trace, event.data.call.id, (call) => ({ ...call, state: 'running', policy: event.data.policy, startedAt: event.at }));
    case 'tool.finished':
      return withCall(trace, event.data.call, (call) => ({ ...call, state: event.data.failed ? 'failed' : 'succeeded', result: event.data.result, ms: event.data.ms }));
    case 'tool.in_doubt':
      return withCall(trace, event.data.call, (call) => ({ ...call, state: 'in_doubt' }));
    case 'tool.decided':
      return withCall(trace, event.data.call, (call) => ({ ...call, state: event.data.decision === 'fail' ? 'failed' : call.state, decision: event.data.decision }));
    default:
      return trace;
  }
}

const newCall = (call: ToolCall): TracedCall => ({ call, state: 'asked', policy: null, result: null, ms: null, startedAt: null, decision: null });

function newTurn(turn: number, hidden: number): TracedTurn {
  return { turn, state: 'running', thought: '', text: '', calls: [], usage: null, finishReason: null, model: null, modelMs: null, reason: null, hidden, notes: [], startedAt: null, finishedAt: null };
}

/** Changes the turn being taken; where none was announced (writers may leave out `turn.started`), it begins here. */
function withOpenTurn(trace: AgentTrace, turn: number, change: (turn: TracedTurn) => TracedTurn): AgentTrace {
  const last = trace.turns.at(-1);
  if (last !== undefined && last.turn === turn && last.state === 'running') return { ...trace, turns: withLast(trace.turns, change) };
  return { ...trace, turns: [...trace.turns, change(newTurn(turn, trace.hidden))] };
}

function withLast(turns: readonly TracedTurn[], change: (turn: TracedTurn) => TracedTurn): readonly TracedTurn[] {
  const last = turns.at(-1);
  return last === undefined ? turns : [...turns.slice(0, -1), change(last)];
}

/** Call ids are unique within a step, and results come soon after: the search begins at the end. */
function withCall(trace: AgentTrace, id: string, change: (call: TracedCall) => TracedCall): AgentTrace {
  const index = trace.turns.findLastIndex((turn) => turn.calls.some((one) => one.call.id === id));
  const turn = trace.turns[index];
  if (turn === undefined) return trace;
  const calls = turn.calls.map((one) => (one.call.id === id ? change(one) : one));
  return { ...trace, turns: trace.turns.with(index, { ...turn, calls }) };
}

function addUsage(trace: AgentTrace, usage: Usage): AgentTrace {
  const { prompt, completion, cached } = trace.usage;
  return { ...trace, usage: { prompt: prompt + usage.prompt, completion: completion + usage.completion, cached: cached + (usage.cached ?? 0) } };
}
