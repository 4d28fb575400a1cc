/* Messages between the HTTP thread and the thread that runs the model. Plain data, copied on the way. */
import type { GenerationRequest } from './generation.ts';

/** To the model thread. `request` ids are chosen by the sender and unique while in use. */
export type ToModel =
  | { readonly kind: 'start'; readonly request: number; readonly generation: GenerationRequest }
  | { readonly kind: 'cancel'; readonly request: number }
  | { readonly kind: 'stats'; readonly question: number };

/** What happens to one request. Order: started, token…, then exactly one of finished and failed; nothing after a cancel took effect. */
export type RequestEvent =
  | { readonly kind: 'started'; readonly cachedTokens: number }
  | { readonly kind: 'token'; readonly token: number }
  | { readonly kind: 'finished'; readonly reason: 'stop' | 'length' }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

/** From the model thread. `ready` comes once, after the weights are loaded and a first forward pass gave finite logits. */
export type FromModel =
  | { readonly kind: 'ready' }
  | { readonly kind: 'event'; readonly request: number; readonly event: RequestEvent }
  | { readonly kind: 'stats'; readonly question: number; readonly stats: EngineStats };

/** Counters since the start, and what is going on now. Tokens of cancelled requests are counted up to the step they stopped at. */
export type EngineStats = {
  readonly requests: number;
  readonly active: number;
  readonly waiting: number;
  readonly cancelled: number;
  readonly failed: number;
  readonly prefilled_tokens: number;
  readonly cached_tokens: number;
  readonly decoded_tokens: number;
  readonly cache: { readonly conversations: number; readonly bytes: number };
};
