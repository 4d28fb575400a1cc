import { describe, expect, it } from 'vitest';
import { type RouterRule, route } from './router.ts';

const rule: RouterRule = {
  routedExperts: 4,
  expertsPerToken: 2,
  groups: 1,
  topGroups: 1,
  routing: 'noaux_tc',
  scoring: 'sigmoid',
  normalizeWeights: true,
  routedScale: 2,
};
const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));

describe('router', () => {
  it('lets the bias choose but not weigh', () => {
    const { experts, weights } = route(rule, Float32Array.of(3, 2, 0, -9), Float32Array.of(0, 0, 5, 0));
    expect(experts).toEqual([2, 0]);
    const sum = sigmoid(0) + sigmoid(3);
    expect(weights[0]).toBeCloseTo((2 * sigmoid(0)) / sum, 6);
    expect(weights[1]).toBeCloseTo((2 * sigmoid(3)) / sum, 6);
  });

  it('breaks ties by the lower id', () => {
    expect(route(rule, Float32Array.of(1, 1, 1, 1), null).experts).toEqual([0, 1]);
  });

  it('tells biases near 10 apart that BF16 would merge', () => {
    const bias = Float32Array.of(10.01, 10.02, 10.03, 10.04);
    expect(route(rule, new Float32Array(4), bias).experts).toEqual([3, 2]);
  });

  it('keeps only the best groups, by the sum of their two best', () => {
    const grouped: RouterRule = { ...rule, routedExperts: 8, groups: 4, topGroups: 2, expertsPerToken: 3 };
    // Expert 0 is the best of all, but its group's second best is poor.
    const bias = Float32Array.of(9, -9, 4, 4, 3, 3, -1, -1);
    expect(route(grouped, new Float32Array(8), bias).experts).toEqual([2, 3, 4]);
  });

  it('never picks a masked expert, even where kept choices are negative', () => {
    const grouped: RouterRule = { ...rule, groups: 2, topGroups: 1 };
    expect(route(grouped, Float32Array.of(0, 0, 0, 0), Float32Array.of(-3, -3, -5, -5)).experts).toEqual([0, 1]);
  });

  it('softmax without renormalising (V2)', () => {
    const { weights } = route(
      { ...rule, scoring: 'softmax', routing: 'greedy', normalizeWeights: false, routedScale: 1 },
      Float32Array.of(Math.log(5), Math.log(3), 0, 0),
      null,
    );
    expect(weights[0]).toBeCloseTo(0.5, 6);
    expect(weights[1]).toBeCloseTo(0.3, 6);
  });
});
