/*
 * Where the model is inside its turn, decided by token ids alone; text that merely spells a marker decides nothing.
 *
 *   start ──think──▶ reasoning ──thinkEnd──▶ content          start, reasoning and content all leave by sectionBegin:
 *   section ──callBegin──▶ call-id ──argumentBegin──▶ arguments ──callEnd──▶ between ──callBegin──▶ call-id …
 *   section, between ──sectionEnd──▶ after (what follows is dropped; a stray thinkEnd too)
 *
 * A model may open the section while still thinking; the thought then ends there.
 */
import type { ControlIds } from './vocabulary.ts';

/** `section` is a tool section without a call yet, `between` one after a finished call. */
export type TurnState = 'start' | 'reasoning' | 'content' | 'section' | 'call-id' | 'arguments' | 'between' | 'after';

/** Which control token leaves a state, and where to. */
type Moves = readonly (readonly [keyof ControlIds, TurnState])[];

const OPENING: Moves = [
  ['think', 'reasoning'],
  ['sectionBegin', 'section'],
];
const IN_SECTION: Moves = [
  ['callBegin', 'call-id'],
  ['sectionEnd', 'after'],
];
const ARGUMENTS: Moves = [
  ['callEnd', 'between'],
  ['sectionEnd', 'after'],
];
const MOVES: Readonly<Record<TurnState, Moves>> = {
  start: OPENING,
  content: OPENING,
  reasoning: [
    ['thinkEnd', 'content'],
    ['sectionBegin', 'section'],
  ],
  section: IN_SECTION,
  between: IN_SECTION,
  'call-id': [['argumentBegin', 'arguments'], ...ARGUMENTS],
  arguments: ARGUMENTS,
  after: [['sectionBegin', 'section']],
};

/** The state after one more id. Total: ids that mean nothing in a state leave it as it is; anything begins the answer. */
export function nextTurnState(state: TurnState, id: number, control: ControlIds): TurnState {
  const move = MOVES[state].find(([name]) => control[name] === id);
  if (move !== undefined) return move[1];
  return state === 'start' ? 'content' : state;
}
