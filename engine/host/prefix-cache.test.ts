import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../reference/config.ts';
import { LatentCache } from '../reference/latent-cache.ts';
import { PrefixCache } from './prefix-cache.ts';

const config = parseConfig(JSON.parse(readFileSync(new URL('../models/pocket/config.json', import.meta.url), 'utf8')));
const ROW = 4 * config.layers * (config.latentRank + config.ropeDim);

/** A sequence whose row t of every layer holds t. */
function sequence(tokens: number): LatentCache {
  const cache = new LatentCache(config);
  cache.reserve(tokens);
  for (let layer = 0; layer < config.layers; layer++)
    for (let t = 0; t < tokens; t++) cache.rows(layer).fill(t, t * cache.width, (t + 1) * cache.width);
  cache.length = tokens;
  return cache;
}

const range = (from: number, to: number): readonly number[] => Array.from({ length: to - from }, (_, i) => from + i);
const limits = { bytes: 1e9, conversations: 3 };

describe('prefix cache', () => {
  it('takes over the longest common prefix', () => {
    const prefixes = new PrefixCache(config, limits);
    prefixes.keep(range(0, 50), sequence(50));
    prefixes.keep([...range(0, 10), 900], sequence(11));
    const opened = prefixes.open([...range(0, 40), 7]);
    expect(opened.length).toBe(40);
    expect(opened.rows(2)[39 * opened.width + 5]).toBe(39);
  });

  it('always leaves the last token to compute', () => {
    const prefixes = new PrefixCache(config, limits);
    prefixes.keep(range(0, 50), sequence(50));
    expect(prefixes.open(range(0, 50)).length).toBe(49);
    expect(prefixes.open(range(0, 20)).length).toBe(19);
    expect(prefixes.open([3]).length).toBe(0);
  });

  it('an opened sequence is a copy', () => {
    const prefixes = new PrefixCache(config, limits);
    prefixes.keep(range(0, 50), sequence(50));
    prefixes.open(range(0, 50)).rows(0).fill(-1);
    expect(prefixes.open(range(0, 50)).rows(0)[5 * (config.latentRank + config.ropeDim)]).toBe(5);
  });

  it('a longer sequence replaces its own beginning, a shorter one adds nothing', () => {
    const prefixes = new PrefixCache(config, limits);
    prefixes.keep(range(0, 20), sequence(20));
    prefixes.keep(range(0, 50), sequence(50));
    prefixes.keep(range(0, 30), sequence(30));
    expect(prefixes.size.conversations).toBe(1);
    expect(prefixes.open(range(0, 60)).length).toBe(50);
  });

  it('forgets the conversation that was used longest ago, by count and by bytes', () => {
    const prefixes = new PrefixCache(config, limits);
    for (const first of [100, 200, 300]) prefixes.keep(range(first, first + 20), sequence(20));
    prefixes.open(range(100, 130));
    prefixes.keep(range(400, 420), sequence(20));
    expect([100, 200, 300, 400].map((first) => prefixes.open(range(first, first + 30)).length)).toEqual([
      20, 0, 20, 20,
    ]);
    const small = new PrefixCache(config, { bytes: 150 * ROW, conversations: 99 });
    for (const first of [100, 200, 300]) small.keep(range(first, first + 64), sequence(64));
    expect(small.size).toEqual({ conversations: 2, bytes: 128 * ROW });
  });
});
