import type { Services } from '../services.ts';

/*
 * Retention: what ended long ago, or is beyond what its pipeline may hold, is deleted. Any number of servers may do it; the journal
 * lets one at a time.
 */

const SWEEP_MS = 60_000;

/** Deletes once a minute; the answer ends it after the round under way. */
export function startRetention({
  database,
  clock,
  warn,
}: Pick<Services, 'database' | 'clock' | 'warn'>): () => Promise<void> {
  let under: Promise<void> | null = null;
  const cancel = clock.every(SWEEP_MS, () => {
    under ??= database
      .prune()
      .then(() => {})
      .catch((error: unknown) => warn(`retention: ${error instanceof Error ? error.message : String(error)}`))
      .finally(() => {
        under = null;
      });
  });
  return async () => {
    cancel();
    await under;
  };
}
