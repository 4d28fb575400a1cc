/*
 * One request inside the engine. States: prefill (cursor short of the prompt) → decode → finished. A step is one chunk of the
 * prompt or one sampled id, so that a scheduler can interleave requests and a cancel takes effect at the next step.
 */
import { forward, logitsOf, type Model } from '../reference/forward.ts';
import type { LatentCache } from '../reference/latent-cache.ts';
import type { PrefixCache } from './prefix-cache.ts';
import { type Sampling, sample } from './sampler.ts';
import type { Tokenizer } from './tokenizer.ts';
import { type CallRule, TurnGrammar } from './turn-grammar.ts';

/** Tokens a prefill step may take: what others wait for is bounded by this. */
export const PREFILL_CHUNK = 64;

/** A request as the engine sees it. @property partial ids of a cut turn to go on after @property maxTokens new ids at most */
export type GenerationRequest = {
  readonly prompt: readonly number[];
  readonly partial: readonly number[];
  readonly maxTokens: number;
  readonly sampling: Sampling;
  readonly calls: CallRule;
  readonly stops: readonly number[];
};

/** What a step did. `finished` comes once, after the last sampled id; `token` of a stop id is still reported. */
export type StepReport =
  | { readonly kind: 'prefilled'; readonly tokens: number; readonly done: boolean }
  | { readonly kind: 'sampled'; readonly token: number; readonly finished: 'stop' | 'length' | null };

/** What a generation shares with all others. */
export type EngineParts = { readonly model: Model; readonly tokenizer: Tokenizer; readonly prefixes: PrefixCache };

/** Runs one request. Ask `step` until it reports a finish; drop the object to cancel. */
export class Generation {
  /** Prompt tokens that came from the prefix cache. */
  readonly cachedTokens: number;
  readonly #parts: EngineParts;
  readonly #request: GenerationRequest;
  readonly #grammar: TurnGrammar;
  readonly #stops: ReadonlySet<number>;
  readonly #sequence: LatentCache;
  /** Prompt, partial turn and sampled ids. */
  readonly #tokens: number[];
  readonly #given: number;
  #hidden: Float32Array | null = null;

  /** The caller has checked that prompt + partial is shorter than the context and holds at least one id. */
  constructor(parts: EngineParts, request: GenerationRequest) {
    this.#parts = parts;
    this.#request = request;
    this.#tokens = [...request.prompt, ...request.partial];
    this.#given = this.#tokens.length;
    this.#stops = new Set(request.stops);
    this.#grammar = new TurnGrammar(parts.tokenizer, request.calls, this.#stops);
    for (const id of request.partial) this.#grammar.accept(id);
    this.#sequence = parts.prefixes.open(this.#tokens);
    this.cachedTokens = this.#sequence.length;
  }

  /** Does one bounded piece of work. @throws LogitsNotFinite when the model fails on this request */
  step(): StepReport {
    if (this.#sequence.length < this.#given - 1 || this.#hidden === null) return this.#prefill();
    return this.#decode(this.#hidden);
  }

  #prefill(): StepReport {
    const { model } = this.#parts;
    const from = this.#sequence.length;
    const chunk = this.#tokens.slice(from, Math.min(from + PREFILL_CHUNK, this.#given));
    const hidden = forward(model, this.#sequence, chunk);
    const done = this.#sequence.length === this.#given;
    if (done) this.#hidden = hidden;
    return { kind: 'prefilled', tokens: chunk.length, done };
  }

  #decode(hidden: Float32Array): StepReport {
    const { model } = this.#parts;
    const sampled = this.#tokens.length - this.#given;
    const position = this.#request.partial.length + sampled;
    const token = sample(logitsOf(model, hidden), this.#request.sampling, position, this.#grammar.allowed());
    this.#grammar.accept(token);
    this.#tokens.push(token);
    const finished = this.#stops.has(token) ? 'stop' : this.#isFull(sampled + 1) ? 'length' : null;
    if (finished === null) this.#hidden = forward(model, this.#sequence, [token]);
    else this.#parts.prefixes.keep(this.#tokens.slice(0, this.#sequence.length), this.#sequence);
    return { kind: 'sampled', token, finished };
  }

  #isFull(sampled: number): boolean {
    return sampled >= this.#request.maxTokens || this.#tokens.length >= this.#parts.model.config.maxPositions;
  }
}
