import { expect, it } from 'vitest';
import { run } from './matrix.ts';

it('every kind of event survives kill -9 before and after it, of worker, server, engine and Postgres', async () => {
  expect(await run([]), 'npm run crash -- matrix').toBe(true);
}, 900_000);
