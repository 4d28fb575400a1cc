/*
 * Token ids of a turn → thought, text and calls, one id at a time, so that no grouping of the stream changes the result.
 * Markers never reach a client: control ids have no bytes, and only ids switch state.
 */
import { TextStream, type Tokenizer } from './tokenizer.ts';
import { nextTurnState, type TurnState } from './turn-state.ts';

/** What one id (or the end) adds to the answer. `index` counts the calls of this answer from 0. Texts are never empty. */
export type TurnEvent =
  | { readonly kind: 'reasoning'; readonly text: string }
  | { readonly kind: 'content'; readonly text: string }
  | { readonly kind: 'call'; readonly index: number; readonly id: string; readonly name: string }
  | { readonly kind: 'arguments'; readonly index: number; readonly text: string }
  | { readonly kind: 'call-end'; readonly index: number }
  /** A call whose id names no declared tool; its arguments are dropped. The caller must not finish as if nothing was asked. */
  | { readonly kind: 'malformed-call'; readonly id: string };

/** What ids are resolved against. @property nextIndex given to a call whose own id is not canonical */
export type DeclaredCalls = { readonly names: readonly string[]; readonly nextIndex: number };

/** One per answer. */
export class TurnParser {
  readonly #tokenizer: Tokenizer;
  readonly #declared: DeclaredCalls;
  #state: TurnState = 'start';
  #stream = new TextStream();
  #callId = '';
  #calls = 0;
  #current: 'call' | 'malformed' | 'none' = 'none';
  #argumentsSeen = false;
  #heldSpace = '';

  constructor(tokenizer: Tokenizer, declared: DeclaredCalls) {
    this.#tokenizer = tokenizer;
    this.#declared = declared;
  }

  /** Events of one more id. */
  push(id: number): readonly TurnEvent[] {
    const before = this.#state;
    const control = this.#tokenizer.vocabulary.control;
    this.#state = nextTurnState(before, id, control);
    const bytes = this.#tokenizer.bytes(id);
    if (bytes.length > 0) return this.#text(this.#state, this.#stream.push(bytes));
    if (before === this.#state) return [];
    const events = this.#leave(before);
    return this.#state === 'arguments' ? [...events, this.#beginCall()] : events;
  }

  /** Events of the end of the ids. A call still open stays without `call-end`: it was cut. */
  end(): readonly TurnEvent[] {
    const rest = this.#stream.end();
    return rest === '' ? [] : this.#text(this.#state, rest);
  }

  #text(state: TurnState, text: string): readonly TurnEvent[] {
    if (text === '') return [];
    if (state === 'reasoning') return [{ kind: 'reasoning', text }];
    if (state === 'content') return [{ kind: 'content', text }];
    if (state === 'call-id') this.#callId += text;
    return state === 'arguments' ? this.#argumentText(text) : [];
  }

  /** White space around the arguments is not theirs: leading is dropped, trailing held until something follows. */
  #argumentText(text: string): readonly TurnEvent[] {
    if (this.#current !== 'call') return [];
    const whole = this.#heldSpace + (this.#argumentsSeen ? text : text.trimStart());
    const trimmed = whole.trimEnd();
    this.#heldSpace = whole.slice(trimmed.length);
    if (trimmed === '') return [];
    this.#argumentsSeen = true;
    return [{ kind: 'arguments', index: this.#calls - 1, text: trimmed }];
  }

  #leave(before: TurnState): readonly TurnEvent[] {
    const rest = this.#stream.end();
    this.#stream = new TextStream();
    const events = [...this.#text(before, rest)];
    if (before === 'call-id' && this.#state !== 'arguments') events.push(this.#malformed());
    if (before === 'arguments' && this.#current === 'call') {
      const index = this.#calls - 1;
      if (!this.#argumentsSeen) events.push({ kind: 'arguments', index, text: '{}' });
      events.push({ kind: 'call-end', index });
    }
    if (before === 'arguments') this.#current = 'none';
    return events;
  }

  #malformed(): TurnEvent {
    const id = this.#callId.trim();
    this.#callId = '';
    return { kind: 'malformed-call', id };
  }

  #beginCall(): TurnEvent {
    const written = this.#callId.trim();
    const name = resolveCallName(written, this.#declared.names);
    this.#argumentsSeen = false;
    this.#heldSpace = '';
    this.#current = name === null ? 'malformed' : 'call';
    if (name === null) return this.#malformed();
    this.#callId = '';
    const index = this.#calls++;
    const canonical =
      written.startsWith(`functions.${name}:`) && /^\d+$/.test(written.slice(`functions.${name}:`.length));
    return {
      kind: 'call',
      index,
      name,
      id: canonical ? written : `functions.${name}:${this.#declared.nextIndex + index}`,
    };
  }
}

/** The declared tool a written call id means, or null. From most to least exact; names are compared to the list, longest first. */
export function resolveCallName(written: string, names: readonly string[]): string | null {
  const exact = /^(?:functions\.)?(.+):\d+$/.exec(written)?.[1];
  if (exact !== undefined && names.includes(exact)) return exact;
  const byLength = [...names].sort((a, b) => b.length - a.length);
  const loose = byLength.find((name) => {
    const rest = written.replace(/^functions[._]?/, '');
    return rest.startsWith(name) && /^[:_]?\d+$/.test(rest.slice(name.length));
  });
  if (loose !== undefined) return loose;
  return names.length === 1 && /^(?:call)?_?\d+$/.test(written) ? names[0] : null;
}
