/*
 * Which ids may come next, so that a turn is well formed whatever the model would like: control tokens only where the format
 * has them, calls only to declared tools, and each call id exactly `functions.NAME:IDX` with the next index (small models
 * cannot count). Arguments are free text here; thoughts are never constrained beyond control tokens.
 */
import type { Allowed } from './sampler.ts';
import type { Tokenizer } from './tokenizer.ts';
import { nextTurnState, type TurnState } from './turn-state.ts';

/** What a request allows. @property names declared tools that may be called @property nextIndex of the first call of this turn */
export type CallRule = {
  readonly names: readonly string[];
  readonly nextIndex: number;
  readonly required: boolean;
  readonly parallel: boolean;
};

/** Follows one turn. `accept` every id, sampled or given; ask `allowed` before sampling. */
export class TurnGrammar {
  readonly #tokenizer: Tokenizer;
  readonly #rule: CallRule;
  readonly #stops: ReadonlySet<number>;
  #state: TurnState = 'start';
  #calls = 0;
  /** Encodings of the call ids that still fit what was written since callBegin, and how much that is. */
  #fitting: readonly (readonly number[])[] = [];
  #written = 0;

  constructor(tokenizer: Tokenizer, rule: CallRule, stops: ReadonlySet<number>) {
    this.#tokenizer = tokenizer;
    this.#rule = rule;
    this.#stops = stops;
  }

  /** Advances over one id. */
  accept(id: number): void {
    const before = this.#state;
    this.#state = nextTurnState(before, id, this.#tokenizer.vocabulary.control);
    if (this.#state !== 'call-id') return;
    if (before !== 'call-id') {
      const index = this.#rule.nextIndex + this.#calls++;
      this.#fitting = this.#rule.names.map((name) => this.#tokenizer.encode(`functions.${name}:${index}`));
      this.#written = 0;
      return;
    }
    this.#fitting = this.#fitting.filter((ids) => ids[this.#written] === id);
    this.#written++;
  }

  /** The ids that may come next, as a predicate valid until the next `accept`. */
  allowed(): Allowed {
    const { control, pieces } = this.#tokenizer.vocabulary;
    const { names, required, parallel } = this.#rule;
    const text = (id: number): boolean => id < pieces.length;
    const section = (id: number): boolean => names.length > 0 && id === control.sectionBegin;
    const stop = (id: number): boolean => this.#stops.has(id);
    switch (this.#state) {
      case 'start':
        return (id) => id === control.think || section(id) || (!required && (text(id) || stop(id)));
      case 'reasoning':
        return (id) => text(id) || id === control.thinkEnd || section(id) || (!required && stop(id));
      case 'content':
        return (id) => section(id) || (!required && (text(id) || stop(id)));
      case 'section':
        return (id) => id === control.callBegin;
      case 'call-id':
        return this.#allowedInCallId();
      case 'arguments':
        return (id) => text(id) || id === control.callEnd;
      case 'between':
        return (id) => id === control.sectionEnd || (parallel && id === control.callBegin);
      case 'after':
        return stop;
    }
  }

  #allowedInCallId(): Allowed {
    const next = new Set(
      this.#fitting.map((ids) => ids[this.#written] ?? this.#tokenizer.vocabulary.control.argumentBegin),
    );
    // Nothing fits only when a continued turn brought an id of its own; its end is then all that is left.
    if (next.size === 0) next.add(this.#tokenizer.vocabulary.control.argumentBegin);
    return (id) => next.has(id);
  }
}
