/*
 * Who runs next. Active requests take turns, one step each (a chunk of a prompt or one token); the rest wait in order of
 * arrival. A request that fails ends alone: the loop never throws because of one.
 */
import { type EngineParts, Generation, type GenerationRequest } from './generation.ts';
import type { EngineStats, RequestEvent } from './model-protocol.ts';

/** Requests that share the model at a time: each one more makes all of them slower. */
export const ACTIVE_LIMIT = 8;

type Active = { readonly request: number; readonly generation: Generation };
type Waiting = { readonly request: number; readonly generation: GenerationRequest };

/** Tells what happened to a request. */
export type Report = (request: number, event: RequestEvent) => void;

/** Owns all requests of one model. Call `step` while `busy`. */
export class Scheduler {
  readonly #parts: EngineParts;
  readonly #report: Report;
  #active: Active[] = [];
  #waiting: Waiting[] = [];
  #next = 0;
  readonly #counts = { requests: 0, cancelled: 0, failed: 0, prefilled_tokens: 0, cached_tokens: 0, decoded_tokens: 0 };

  constructor(parts: EngineParts, report: Report) {
    this.#parts = parts;
    this.#report = report;
  }

  /** True when `step` has work. */
  get busy(): boolean {
    return this.#active.length + this.#waiting.length > 0;
  }

  /** Counters for `/v1/stats`. */
  get stats(): EngineStats {
    return {
      ...this.#counts,
      active: this.#active.length,
      waiting: this.#waiting.length,
      cache: this.#parts.prefixes.size,
    };
  }

  /** Takes a request in. */
  start(request: number, generation: GenerationRequest): void {
    this.#counts.requests++;
    this.#waiting.push({ request, generation });
  }

  /** Forgets a request before its next step; its sequence is dropped with it. Unknown ids are finished already. */
  cancel(request: number): void {
    const before = this.#active.length + this.#waiting.length;
    this.#active = this.#active.filter((one) => one.request !== request);
    this.#waiting = this.#waiting.filter((one) => one.request !== request);
    this.#counts.cancelled += before - this.#active.length - this.#waiting.length;
  }

  /** One step of the next request in turn. */
  step(): void {
    while (this.#active.length < ACTIVE_LIMIT) {
      const first = this.#waiting.shift();
      if (first === undefined) break;
      this.#guard(first.request, () => this.#activate(first));
    }
    if (this.#active.length === 0) return;
    this.#next = (this.#next + 1) % this.#active.length;
    const turn = this.#active[this.#next];
    this.#guard(turn.request, () => this.#run(turn));
  }

  #activate({ request, generation }: Waiting): void {
    const active = { request, generation: new Generation(this.#parts, generation) };
    this.#counts.cached_tokens += active.generation.cachedTokens;
    this.#active.push(active);
    this.#report(request, { kind: 'started', cachedTokens: active.generation.cachedTokens });
  }

  #run({ request, generation }: Active): void {
    const report = generation.step();
    if (report.kind === 'prefilled') {
      this.#counts.prefilled_tokens += report.tokens;
      return;
    }
    this.#counts.decoded_tokens++;
    this.#report(request, { kind: 'token', token: report.token });
    if (report.finished === null) return;
    this.#remove(request);
    this.#report(request, { kind: 'finished', reason: report.finished });
  }

  #guard(request: number, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#remove(request);
      this.#counts.failed++;
      const code =
        error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'engine_failed';
      this.#report(request, { kind: 'failed', code, message: error instanceof Error ? error.message : String(error) });
    }
  }

  #remove(request: number): void {
    this.#active = this.#active.filter((one) => one.request !== request);
  }
}
