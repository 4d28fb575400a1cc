import { createHash } from 'node:crypto';
import type { EventBody, StoredValue, ToolCall, Usage } from '@switchyard/pipeline';
import { callIdentity, canonicalJson } from './canonical.ts';
import type { UnknownOutcomePolicy } from './contract.ts';

/*
 * What the loop knows, as a fold of the step's own events. A worker that goes on after a crash folds the same events and
 * so stands where the lost one stood; the loop itself folds what it has just appended and nothing else.
 *
 * A turn is open while a call of it has no result. A turn is taken back when a later `turn.incomplete` names its number:
 * the journal keeps it, the model no longer sees it. `turn.incomplete` with a new number is a take that gave no turn.
 */

/** One call of a turn, from asked to answered. */
export type CallRecord = {
  readonly call: ToolCall;
  /** Null until its intent is recorded. */
  policy: UnknownOutcomePolicy | null;
  decision: 'repeat' | 'use' | 'fail' | null;
  inDoubt: boolean;
  result: { readonly value: StoredValue; readonly failed: boolean } | null;
};

/** One finished turn. */
export type TurnRecord = {
  readonly turn: number;
  readonly thought: string;
  readonly text: string;
  readonly calls: readonly CallRecord[];
  takenBack: boolean;
  /** A call of this turn brought a result that the run had not seen before. */
  progress: boolean;
};

/** What was heard of a turn before its worker was lost. */
export type Checkpoint = {
  readonly turn: number;
  readonly thought: string;
  readonly text: string;
  readonly tokens: readonly number[];
};

/** Everything the next decision rests on. */
export type AgentState = {
  readonly turns: TurnRecord[];
  /** The last take's number, complete or not; the next is one more. */
  lastTake: number;
  /** The last turn that was announced. */
  announced: number;
  /** Takes that gave nothing since the run last got further, or the step was last retried. */
  retakes: number;
  /** The same, retries of the step not regarded. */
  streak: number;
  /** Why the last take gave nothing; '' before the first. */
  lastReason: string;
  /** Calls behind the note; always whole turns, the oldest that are not taken back. */
  hidden: number;
  turnsSpent: boolean;
  checkpoint: Checkpoint | null;
  usage: Usage;
  readonly calls: Map<string, CallRecord>;
  /** Fingerprints of all calls with their good results. */
  readonly reached: Set<string>;
};

/** The state before the first event. */
export const emptyState = (): AgentState => ({
  turns: [],
  lastTake: 0,
  announced: 0,
  retakes: 0,
  streak: 0,
  lastReason: '',
  hidden: 0,
  turnsSpent: false,
  checkpoint: null,
  usage: { prompt: 0, completion: 0, cached: 0 },
  calls: new Map(),
  reached: new Set(),
});

const add = (a: Usage, b: Usage): Usage => ({
  prompt: a.prompt + b.prompt,
  completion: a.completion + b.completion,
  cached: (a.cached ?? 0) + (b.cached ?? 0),
});

/** Folds one event into the state, in place. Of the step's own events only its retries count: each brings new retakes. */
export function foldEvent(state: AgentState, event: EventBody): void {
  switch (event.kind) {
    case 'turn.started':
      state.announced = event.data.turn;
      return;
    case 'thought.checkpointed':
      state.checkpoint = event.data;
      return;
    case 'turn.finished': {
      const calls = event.data.calls.map(
        (call): CallRecord => ({ call, policy: null, decision: null, inDoubt: false, result: null }),
      );
      for (const record of calls) state.calls.set(record.call.id, record);
      state.turns.push({
        turn: event.data.turn,
        thought: event.data.thought,
        text: event.data.text,
        calls,
        takenBack: false,
        progress: false,
      });
      taken(state, event.data.turn, event.data.usage);
      return;
    }
    case 'turn.incomplete': {
      const earlier = state.turns.findLast((turn) => turn.turn === event.data.turn);
      if (earlier) {
        earlier.takenBack = true;
        return;
      }
      state.retakes += 1;
      state.streak += 1;
      state.lastReason = event.data.reason;
      taken(state, event.data.turn, event.data.usage);
      return;
    }
    case 'window.compacted':
      state.hidden = event.data.hidden;
      return;
    case 'step.retrying':
      state.retakes = 0;
      return;
    case 'budget.spent':
      if (event.data.budget === 'turns') state.turnsSpent = true;
      return;
    default:
      foldCall(state, event);
  }
}

function taken(state: AgentState, turn: number, usage: Usage | undefined): void {
  state.lastTake = turn;
  state.checkpoint = null;
  if (usage) state.usage = add(state.usage, usage);
}

function foldCall(state: AgentState, event: EventBody): void {
  switch (event.kind) {
    case 'tool.started': {
      const record = state.calls.get(event.data.call.id);
      if (record) record.policy = event.data.policy;
      return;
    }
    case 'tool.finished': {
      const record = state.calls.get(event.data.call);
      if (!record) return;
      record.result = { value: event.data.result, failed: event.data.failed };
      if (!event.data.failed) reach(state, record);
      return;
    }
    case 'tool.in_doubt': {
      const record = state.calls.get(event.data.call);
      if (record) record.inDoubt = true;
      return;
    }
    case 'tool.decided': {
      const record = state.calls.get(event.data.call);
      if (record) record.decision = event.data.decision;
      return;
    }
    default:
  }
}

/** Only a result that was never seen counts as getting further; else a circle of known pages would reset the retakes for ever. */
function reach(state: AgentState, record: CallRecord): void {
  const news = createHash('sha256')
    .update(`${callIdentity(record.call)} ${canonicalJson(record.result?.value)}`)
    .digest('base64');
  if (state.reached.has(news)) return;
  state.reached.add(news);
  state.retakes = 0;
  state.streak = 0;
  const turn = state.turns.findLast((candidate) => candidate.calls.includes(record));
  if (turn) turn.progress = true;
}

/** How many calls these turns made. */
export const callsOf = (turns: readonly TurnRecord[]): number =>
  turns.reduce((sum, turn) => sum + turn.calls.length, 0);

/** Kept turns since the last that brought something new; all of them when none did. */
export function turnsWithoutNews(state: AgentState): readonly TurnRecord[] {
  const kept = keptTurns(state);
  return kept.slice(kept.findLastIndex((turn) => turn.progress) + 1);
}

/** Turns the journal holds for the model: those not taken back, oldest first. */
export const keptTurns = (state: AgentState): readonly TurnRecord[] => state.turns.filter((turn) => !turn.takenBack);

/** Kept turns with the calls behind the note left out. */
export function visibleTurns(state: AgentState): readonly TurnRecord[] {
  const kept = keptTurns(state);
  let hidden = state.hidden;
  let first = 0;
  for (; first < kept.length && hidden > 0; first += 1) hidden -= kept[first]?.calls.length ?? 0;
  return kept.slice(first);
}

/** The newest turn when a call of it still has no result. */
export function openTurn(state: AgentState): TurnRecord | null {
  const last = state.turns.at(-1);
  return last && !last.takenBack && last.calls.some((record) => record.result === null) ? last : null;
}
