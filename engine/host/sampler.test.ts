import { describe, expect, it } from 'vitest';
import { LogitsNotFinite, sample, uniform } from './sampler.ts';

const logits = Float32Array.of(0, 2, 2, 1);
const at = (temperature: number, topP = 1, seed = 7) => ({ temperature, topP, seed });

describe('sampler', () => {
  it('temperature 0 takes the largest logit, the lower id among equals', () => {
    expect(sample(logits, at(0), 0, null)).toBe(1);
    expect(sample(logits, at(0), 0, (id) => id !== 1)).toBe(2);
  });

  it('is a function of seed and position', () => {
    const draws = (seed: number): number[] =>
      Array.from({ length: 50 }, (_, position) => sample(logits, at(1, 1, seed), position, null));
    expect(draws(1)).toEqual(draws(1));
    expect(draws(1)).not.toEqual(draws(2));
  });

  it('draws in proportion', () => {
    const counts = [0, 0, 0, 0];
    for (let position = 0; position < 20_000; position++) counts[sample(logits, at(1), position, null)]++;
    const weights = [1, Math.exp(2), Math.exp(2), Math.exp(1)];
    const sum = weights.reduce((a, b) => a + b);
    for (const [id, count] of counts.entries())
      expect(Math.abs(count / 20_000 - weights[id] / sum)).toBeLessThan(0.015);
  });

  it('top_p keeps the fewest ids that reach the share', () => {
    const seen = new Set(Array.from({ length: 500 }, (_, position) => sample(logits, at(1, 0.5), position, null)));
    expect([...seen].sort()).toEqual([1, 2]);
  });

  it('never draws what may not follow', () => {
    const seen = new Set(
      Array.from({ length: 300 }, (_, position) => sample(logits, at(2), position, (id) => id === 0 || id === 3)),
    );
    expect([...seen].sort()).toEqual([0, 3]);
  });

  it.each([
    Float32Array.of(0, Number.NaN),
    Float32Array.of(Number.NEGATIVE_INFINITY),
    Float32Array.of(0, Number.POSITIVE_INFINITY),
  ])('refuses logits that are not finite', (bad) => {
    expect(() => sample(bad, at(1), 0, null)).toThrow(LogitsNotFinite);
  });

  it('the generator is even and its streams differ', () => {
    const values = Array.from({ length: 4_000 }, (_, i) => uniform(3, i));
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(Math.abs(values.reduce((a, b) => a + b) / values.length - 0.5)).toBeLessThan(0.02);
    expect(new Set(values).size).toBe(values.length);
    expect(uniform(3, 5)).not.toBe(uniform(4, 5));
  });
});
