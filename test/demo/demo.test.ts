import { describe, expect, it } from 'vitest';
import { checkDemo } from './check.ts';

describe('the ready pipelines of a fresh start, on inputs nobody has seen', () => {
  it('are right as often as the model’s card says, in the words of the model’s own tokens', async () => {
    const figures = await checkDemo({ seed: Date.now() % 1_000_000, inputs: 12, weights: 'pocket' });
    expect(
      figures.map(({ pipeline, answers, answers_from_tokens }) => [pipeline, answers_from_tokens - answers]),
    ).toEqual([
      ['solve', 0],
      ['follow', 0],
      ['triage', 0],
    ]);
    // twelve inputs say little about a share: of the 36 at most 12 wrong; `npm run demo:check` holds each share to its floor
    expect(figures.reduce((sum, { right }) => sum + right, 0)).toBeGreaterThanOrEqual(24);
  }, 600_000);

  it('all fail with random weights of the same shapes', async () => {
    const figures = await checkDemo({ seed: 1, inputs: 1, weights: 'random' });
    expect(figures.map(({ pipeline, right }) => [pipeline, right])).toEqual([
      ['solve', 0],
      ['follow', 0],
      ['triage', 0],
    ]);
  }, 600_000);
});
