import type { AgentEvent, AgentRequest } from './contract.ts';
import { AgentFailure, type AgentFailureCode } from './errors.ts';
import { type AgentState, callsOf, keptTurns, type TurnRecord, visibleTurns } from './history.ts';

/*
 * A take that gives nothing (an empty turn, a cut one, a refused answer, going in circles) is not the end: the turn is
 * taken again with another seed and more temperature. A model that has gone wrong mostly stays wrong while it
 * sees its own errs, so what it did since it last got further is taken back first: the journal keeps those turns, each
 * with a `turn.incomplete` that says so, and the model no longer sees them.
 */

/** Why a take gave no turn. A refused answer's reason begins `refused: `. */
export const NOTHING_SAID = 'nothing_said';
/** The tokens of the turn were used up; its text or its last call may be half. */
export const CUT = 'cut';
/** A call in the last turn, which had no tools to call. */
export const CALL_WITHOUT_TOOLS = 'call_without_tools';
/** See `guard.ts`. */
export const NO_PROGRESS = 'no_progress';
const TAKEN_BACK = 'taken_back';

/** A greedy model that errs needs a real push: at 1 five of six errs of the shipped model were gone at the first retake. */
const TEMPERATURE_STEP = 0.5;

/** The temperature of the next take: raised with each retake, to 1 at most unless the request itself asks for more. */
export const takeTemperature = (request: AgentRequest, retakes: number): number =>
  retakes === 0
    ? request.temperature
    : Math.max(
        request.temperature,
        Math.min(1, Math.round((request.temperature + TEMPERATURE_STEP * retakes) * 100) / 100),
      );

/** The events that take bad turns back after take number `retake` (from 1) in a row gave nothing for `reason`. */
export function takeBack(state: AgentState, reason: string, retake: number): readonly AgentEvent[] {
  const kept = keptTurns(state);
  const good = kept.findLastIndex((turn) => turn.progress) + 1;
  // an empty turn is an accident the first time
  if ((reason === NOTHING_SAID || reason === CUT) && retake === 1) return [];
  // nothing went wrong since the last new result, and yet no good answer three times: that turn itself may be the wrong one
  const from = good === kept.length && retake > 2 ? Math.max(good - 1, 0) : good;
  const events: AgentEvent[] = kept
    .slice(from)
    .map((turn) => ({ kind: 'turn.incomplete', data: { turn: turn.turn, reason: TAKEN_BACK } }));
  const hidden = hiddenForRetake(state, kept.slice(0, from), retake);
  if (hidden !== state.hidden) events.push({ kind: 'window.compacted', data: { hidden } });
  return events;
}

/**
 * A greedy model asked the same again errs the same again, so where the beginning is hidden anyway another part of it is
 * shown with each retake: the last good turn, the last two, and so on, but not as many as went wrong. What was never
 * hidden stays in sight: there the model may need all of it.
 */
function hiddenForRetake(state: AgentState, good: readonly TurnRecord[], retake: number): number {
  if (state.hidden === 0) return 0;
  const seen = visibleTurns(state).filter((turn) => good.includes(turn)).length;
  const shown = seen === retake ? retake + 1 : retake;
  return callsOf(good.slice(0, Math.max(good.length - shown, 0)));
}

/** The error a step ends with when its retakes are used up. */
export function failureFor(reason: string, takes: number): AgentFailure {
  const [code, message] = describe(reason);
  return new AgentFailure(
    code,
    `${message} (after ${takes} takes in a row)`,
    'Look at the last turns of the trace. A clearer prompt, a larger model or more retakes may help.',
  );
}

function describe(reason: string): readonly [AgentFailureCode, string] {
  if (reason === NO_PROGRESS) return ['no_progress', 'the model keeps making the same call with the same result'];
  if (reason === CUT) return ['no_answer', 'the model used up the tokens of a turn before it was done'];
  if (reason === CALL_WITHOUT_TOOLS) return ['no_answer', 'the model asked for a tool when it had to answer'];
  if (reason === NOTHING_SAID) return ['no_answer', 'the model ended its turn without an answer or a call'];
  return ['answer_refused', reason.replace(/^refused: /, 'the answer was refused: ')];
}
