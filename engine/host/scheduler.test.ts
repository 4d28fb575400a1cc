import { beforeEach, describe, expect, it } from 'vitest';
import { loadModel } from '../reference/forward.ts';
import type { GenerationRequest } from './generation.ts';
import type { RequestEvent } from './model-protocol.ts';
import { shippedModel } from './models.ts';
import { PrefixCache } from './prefix-cache.ts';
import { ACTIVE_LIMIT, Scheduler } from './scheduler.ts';
import { Tokenizer } from './tokenizer.ts';

const model = loadModel(shippedModel());
const tokenizer = Tokenizer.load(shippedModel());
let events: { readonly request: number; readonly event: RequestEvent }[] = [];
let scheduler: Scheduler;

beforeEach(() => {
  events = [];
  const prefixes = new PrefixCache(model.config, { bytes: 1e8, conversations: 8 });
  scheduler = new Scheduler({ model, tokenizer, prefixes }, (request, event) => events.push({ request, event }));
});

function request(promptTokens: number, maxTokens: number): GenerationRequest {
  return {
    prompt: Array.from({ length: promptTokens }, (_, i) => (i * 31) % 2000),
    partial: [],
    maxTokens,
    sampling: { temperature: 0, topP: 1, seed: 0 },
    calls: { names: [], nextIndex: 0, required: false, parallel: true },
    stops: [],
  };
}

const of = (id: number, kind: RequestEvent['kind']): number =>
  events.findIndex(({ request: one, event }) => one === id && event.kind === kind);

describe('scheduler', () => {
  it('a long prompt does not hold up a short one', () => {
    scheduler.start(1, request(300, 2));
    scheduler.step();
    scheduler.start(2, request(5, 2));
    while (scheduler.busy) scheduler.step();
    expect(of(2, 'finished')).toBeLessThan(of(1, 'token'));
  });

  it('active requests take turns token by token', () => {
    for (const id of [1, 2, 3]) scheduler.start(id, request(4 + id, 5));
    while (scheduler.busy) scheduler.step();
    const order = events.filter(({ event }) => event.kind === 'token').map((one) => one.request);
    expect(order).toHaveLength(15);
    for (let i = 0; i < 15; i += 3) expect([...order.slice(i, i + 3)].sort()).toEqual([1, 2, 3]);
  });

  it('more than the limit wait in order of arrival', () => {
    for (let id = 0; id < ACTIVE_LIMIT + 2; id++) scheduler.start(id, request(3, 2));
    scheduler.step();
    expect([scheduler.stats.active, scheduler.stats.waiting]).toEqual([ACTIVE_LIMIT, 2]);
    while (scheduler.busy) scheduler.step();
    const started = events.filter(({ event }) => event.kind === 'started').map((one) => one.request);
    expect(started).toEqual(Array.from({ length: ACTIVE_LIMIT + 2 }, (_, id) => id));
  });

  it('after a cancel there is no event and no work of that request, during prefill too', () => {
    scheduler.start(1, request(300, 50));
    scheduler.step();
    scheduler.cancel(1);
    expect(scheduler.busy).toBe(false);
    scheduler.start(2, request(5, 50));
    for (let i = 0; i < 6; i++) scheduler.step();
    const heard = events.length;
    scheduler.cancel(2);
    scheduler.cancel(2);
    while (scheduler.busy) scheduler.step();
    expect(events).toHaveLength(heard);
    expect(scheduler.stats).toMatchObject({ requests: 2, cancelled: 2, active: 0, waiting: 0, prefilled_tokens: 69 });
    expect(scheduler.stats.cache.conversations).toBe(0);
  });

  it.each([63, 64, 65, 129])('a prompt of %i tokens, around the size of a chunk, is computed once', (length) => {
    scheduler.start(1, request(length, 1));
    while (scheduler.busy) scheduler.step();
    expect(scheduler.stats).toMatchObject({ prefilled_tokens: length, decoded_tokens: 1, cached_tokens: 0 });
  });
});
