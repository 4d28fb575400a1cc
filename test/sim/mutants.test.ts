import { describe, expect, it } from 'vitest';
import { MUTANTS } from './mutants.ts';
import { tryMutants } from './try-mutants.ts';

describe('planted defects', () => {
  it('are at least twenty, and the simulator sees each of them', async () => {
    const all = await tryMutants('', () => {});
    expect(MUTANTS.length).toBeGreaterThanOrEqual(20);
    expect(all.filter(({ caught }) => !caught)).toEqual([]);
  }, 1_200_000);
});
