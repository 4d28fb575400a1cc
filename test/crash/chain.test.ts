import { expect, it } from 'vitest';
import { run } from './chain.ts';

// Chain and moments are those of one seed, so that a failure here is ours: pocket itself follows this chain without an err.
it('a chain of 40 links survives kill -9 of worker, engine, server and Postgres, once each', async () => {
  expect(await run(['--links', '40', '--seed', '2']), 'npm run crash -- chain --links 40 --seed 2').toBe(true);
}, 900_000);
