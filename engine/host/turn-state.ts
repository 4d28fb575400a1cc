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

/** The state after one more id. Total: ids that mean nothing in a state leave it as it is. */
export function nextTurnState(state: TurnState, id: number, control: ControlIds): TurnState {
  switch (state) {
    case 'start':
    case 'content':
      if (id === control.think) return 'reasoning';
      return id === control.sectionBegin ? 'section' : 'content';
    case 'reasoning':
      if (id === control.thinkEnd) return 'content';
      return id === control.sectionBegin ? 'section' : 'reasoning';
    case 'section':
    case 'between':
      if (id === control.callBegin) return 'call-id';
      return id === control.sectionEnd ? 'after' : state;
    case 'call-id':
      if (id === control.argumentBegin) return 'arguments';
      if (id === control.callEnd) return 'between';
      return id === control.sectionEnd ? 'after' : state;
    case 'arguments':
      if (id === control.callEnd) return 'between';
      return id === control.sectionEnd ? 'after' : state;
    case 'after':
      return id === control.sectionBegin ? 'section' : state;
  }
}
