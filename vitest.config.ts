import { defineConfig } from 'vitest/config';

/*
 * One configuration for every suite. `test/harness/global-setup.ts` provides a Postgres (TEST_DATABASE_URL) and, where a
 * redis-server is on the path, a Redis (REDIS_URL), before the first file runs. Tests never assert on wall time; the
 * limits here only end what hangs.
 */

/** Suites that take all cores and kill processes: they run alone, after the others (vitest.proofs.config.ts). */
export const PROOFS = ['test/sim/simulation.test.ts', 'test/crash/*.test.ts', 'test/cases/outages.test.ts'];

export default defineConfig({
  test: {
    include: [
      'apps/*/src/**/*.test.{ts,tsx}',
      'packages/*/src/**/*.test.ts',
      'engine/{host,reference,scripts}/**/*.test.ts',
      'test/**/*.test.ts',
    ],
    exclude: ['**/node_modules/**', '**/dist/**', 'test/bench/peers/**', ...PROOFS],
    globalSetup: ['test/harness/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 120_000,
    teardownTimeout: 20_000,
    maxWorkers: 2,
    reporters: process.env.CI === undefined ? ['default'] : ['default', 'json'],
    outputFile: { json: 'test-results/vitest.json' },
  },
});
