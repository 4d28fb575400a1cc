import type { CallState } from './agent-summary.ts';
import type { RunEvent, StoredValue, ToolCall, Usage } from './event.ts';

/** One tool call of a turn, with what came of it. */
export type TracedCall = {
  readonly call: ToolCall;
  readonly state: CallState;
  readonly policy: string | null;
  readonly result: StoredValue | null;
  readonly ms: number | null;
  readonly startedAt: string | null;
  readonly decision: string | null;
};

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
export type AgentTrace = {
  readonly turns: readonly TracedTurn[];
  readonly hidden: number;
  readonly usage: { readonly prompt: number; readonly completion: number; readonly cached: number };
};

/** A story with nothing in it. */
export const emptyTrace = (): AgentTrace => ({ turns: [], hidden: 0, usage: { prompt: 0, completion: 0, cached: 0 } });

/**
 * The turns of one agent step for people to read, from its own events in order; events of other kinds are passed over.
 * Incremental like `foldRun`: `foldAgent(rest, foldAgent(prefix))` equals `foldAgent(all)`. A retaken turn stands
 * beside the one thrown away.
 */
export function foldAgent(events: readonly RunEvent[], trace: AgentTrace = emptyTrace()): AgentTrace {
  // One copy per fold, not per event: a step may have ten thousand turns.
  const draft: Draft = { ...trace, turns: [...trace.turns] };
  for (const event of events) foldOne(draft, event);
  return draft;
}

type Draft = { -readonly [K in keyof AgentTrace]: AgentTrace[K] } & { turns: TracedTurn[] };

function foldOne(trace: Draft, event: RunEvent): void {
  switch (event.kind) {
    case 'turn.started':
      trace.turns.push({ ...newTurn(event.data.turn, trace.hidden), startedAt: event.at });
      return;
    case 'thought.checkpointed':
      changeOpenTurn(trace, event.data.turn, { thought: event.data.thought, text: event.data.text });
      return;
    case 'turn.finished': {
      const { turn, thought, text, usage, finishReason, model, modelMs } = event.data;
      const calls = event.data.calls.map(newCall);
      changeOpenTurn(trace, turn, {
        state: 'finished',
        thought,
        text,
        usage,
        finishReason,
        model,
        modelMs,
        calls,
        finishedAt: event.at,
      });
      trace.usage = addUsage(trace, usage);
      return;
    }
    case 'turn.incomplete': {
      const { turn, reason, thought, text, usage } = event.data;
      changeOpenTurn(trace, turn, {
        state: 'incomplete',
        reason,
        usage: usage ?? null,
        finishedAt: event.at,
        ...(thought === undefined ? {} : { thought }),
        ...(text === undefined ? {} : { text }),
      });
      if (usage !== undefined) trace.usage = addUsage(trace, usage);
      return;
    }
    case 'window.compacted':
      trace.hidden = event.data.hidden;
      changeLast(trace, (turn) => (turn.state === 'running' ? { ...turn, hidden: event.data.hidden } : turn));
      return;
    case 'budget.spent':
      changeLast(trace, (turn) => ({ ...turn, notes: [...turn.notes, `budget spent: ${event.data.budget}`] }));
      return;
    case 'note':
      changeLast(trace, (turn) => ({ ...turn, notes: [...turn.notes, event.data.text] }));
      return;
    default:
      foldCall(trace, event);
  }
}

function foldCall(trace: Draft, event: RunEvent): void {
  switch (event.kind) {
    case 'tool.started':
      changeCall(trace, event.data.call.id, { state: 'running', policy: event.data.policy, startedAt: event.at });
      return;
    case 'tool.finished':
      changeCall(trace, event.data.call, {
        state: event.data.failed ? 'failed' : 'succeeded',
        result: event.data.result,
        ms: event.data.ms,
      });
      return;
    case 'tool.in_doubt':
      changeCall(trace, event.data.call, { state: 'in_doubt' });
      return;
    case 'tool.decided':
      changeCall(trace, event.data.call, {
        decision: event.data.decision,
        ...(event.data.decision === 'fail' ? { state: 'failed' } : {}),
      });
      return;
    default:
  }
}

const newCall = (call: ToolCall): TracedCall => ({
  call,
  state: 'asked',
  policy: null,
  result: null,
  ms: null,
  startedAt: null,
  decision: null,
});

function newTurn(turn: number, hidden: number): TracedTurn {
  return {
    turn,
    state: 'running',
    thought: '',
    text: '',
    calls: [],
    usage: null,
    finishReason: null,
    model: null,
    modelMs: null,
    reason: null,
    hidden,
    notes: [],
    startedAt: null,
    finishedAt: null,
  };
}

/** Changes the turn being taken; where none was announced (writers may leave out `turn.started`), it begins here. */
function changeOpenTurn(trace: Draft, turn: number, change: Partial<TracedTurn>): void {
  const last = trace.turns.at(-1);
  if (last === undefined || last.turn !== turn || last.state !== 'running')
    trace.turns.push({ ...newTurn(turn, trace.hidden), ...change });
  else trace.turns[trace.turns.length - 1] = { ...last, ...change };
}

function changeLast(trace: Draft, change: (turn: TracedTurn) => TracedTurn): void {
  const last = trace.turns.at(-1);
  if (last !== undefined) trace.turns[trace.turns.length - 1] = change(last);
}

/** Call ids are unique within a step, and results come soon after: the search begins at the end. */
function changeCall(trace: Draft, id: string, change: Partial<TracedCall>): void {
  const index = trace.turns.findLastIndex((turn) => turn.calls.some((one) => one.call.id === id));
  const turn = trace.turns[index];
  if (turn === undefined) return;
  trace.turns[index] = { ...turn, calls: turn.calls.map((one) => (one.call.id === id ? { ...one, ...change } : one)) };
}

function addUsage(trace: AgentTrace, usage: Usage): AgentTrace['usage'] {
  const { prompt, completion, cached } = trace.usage;
  return {
    prompt: prompt + usage.prompt,
    completion: completion + usage.completion,
    cached: cached + (usage.cached ?? 0),
  };
}
