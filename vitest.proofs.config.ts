import { defineConfig } from 'vitest/config';
import suites, { PROOFS } from './vitest.config.ts';

/* The simulator, the crash matrix and outages: one file at a time, with the machine to itself. */
export default defineConfig({
  test: {
    ...suites.test,
    include: PROOFS,
    exclude: ['**/node_modules/**'],
    fileParallelism: false,
    outputFile: { json: 'test-results/proofs.json' },
  },
});
