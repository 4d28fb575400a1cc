import { describe, expect, it } from 'vitest';
import { buildRope, rotate, rotationAt } from './rope.ts';

const kimi = { ropeDim: 64, nopeDim: 128, ropeTheta: 50_000 };
const deepseek = { ropeDim: 64, nopeDim: 128, ropeTheta: 10_000 };
const yarn = { factor: 64, betaFast: 1, betaSlow: 1, mscale: 1, mscaleAllDim: 1, originalPositions: 4096 };

/** Frequencies [1] [9] [15] [19] [20] [31] and the softmax scale, from the family's published configurations. */
const GOLDEN = [
  {
    name: 'K2-Thinking',
    config: { ...kimi, yarn },
    scale: 0.144679626,
    frequencies: [0.713111085, 0.0476886124, 0.00627130338, 0.00162175991, 1.80702339e-5, 4.38220646e-7],
  },
  {
    name: 'K2-Instruct 0711',
    config: { ...kimi, yarn: { ...yarn, factor: 32 } },
    scale: 0.1308608,
    frequencies: [0.713111085, 0.0476886124, 0.00627130338, 0.00162175991, 3.61404677e-5, 8.76441291e-7],
  },
  {
    name: 'K2.5',
    config: { ...kimi, yarn: { ...yarn, betaFast: 32 } },
    scale: 0.144679626,
    frequencies: [0.713111085, 0.043776656, 0.00267020339, 0.000158374991, 1.80702339e-5, 4.38220646e-7],
  },
  {
    name: 'DeepSeek-V3',
    config: { ...deepseek, yarn: { ...yarn, factor: 40, betaFast: 32 } },
    scale: 0.135233779,
    frequencies: [0.749894209, 0.0749894209, 0.00833450895, 0.00137051364, 0.000790569415, 3.33380358e-6],
  },
];

describe('YaRN', () => {
  it.each(GOLDEN)('$name', ({ config, scale, frequencies }) => {
    const rope = buildRope(config);
    for (const [k, i] of [1, 9, 15, 19, 20, 31].entries())
      expect(rope.frequencies[i] / frequencies[k]).toBeCloseTo(1, 6);
    expect(rope.softmaxScale / scale).toBeCloseTo(1, 6);
    expect(rope.tableScale).toBe(1);
  });

  it('DeepSeek-V2-Lite scales by mscale 0.707', () => {
    const rope = buildRope({
      ...deepseek,
      // biome-ignore lint/suspicious/noApproximativeNumericConstant: the model's config says 0.707, not √½
      yarn: { ...yarn, factor: 40, betaFast: 32, mscale: 0.707, mscaleAllDim: 0.707 },
    });
    expect(rope.softmaxScale).toBeCloseTo(0.114721387, 8);
  });

  it('is absent where the config has none (Moonlight)', () => {
    const rope = buildRope({ ...kimi, yarn: null });
    expect(rope.softmaxScale).toBeCloseTo(0.0721687836, 9);
    expect(rope.frequencies[9]).toBeCloseTo(0.0476886124, 9);
  });
});

it('rotates adjacent pairs', () => {
  const rope = buildRope({ ropeDim: 4, nopeDim: 4, ropeTheta: 100, yarn: null });
  const x = Float32Array.from([9, 1, 0, 0, 1]);
  rotate(x, 1, rotationAt(rope, 1, 2), { token: 1, pairs: 2 }); // position 2
  expect([...x].map((value) => Number(value.toFixed(6)))).toEqual(
    [9, Math.cos(2), Math.sin(2), -Math.sin(0.2), Math.cos(0.2)].map((value) => Number(value.toFixed(6))),
  );
});
