import type { Clock } from './contract.ts';
import { ModelError } from './errors.ts';

/*
 * A model server that is restarted is away for a minute at most (load weights, warm up). A run of hundreds of turns must
 * not end for that, so the loop itself waits; what lasts longer is left to the step's own retries.
 */

const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 3_000;
const PATIENCE_MS = 90_000;

/**
 * Runs `attempt` until it answers, while it fails with a retryable `ModelError` and less than 90 s have passed since it
 * last got anywhere; `attempt` reports that it does by calling `alive`. Throws the last error, or at once any other.
 */
export async function patiently<T>(
  ports: { readonly clock: Clock; readonly signal: AbortSignal },
  attempt: (alive: () => void) => Promise<T>,
): Promise<T> {
  let since = ports.clock.elapsed();
  let wait = FIRST_WAIT_MS;
  const alive = (): void => {
    since = ports.clock.elapsed();
    wait = FIRST_WAIT_MS;
  };
  for (;;) {
    try {
      return await attempt(alive);
    } catch (error) {
      ports.signal.throwIfAborted();
      if (!(error instanceof ModelError) || !error.retryable || ports.clock.elapsed() - since >= PATIENCE_MS)
        throw error;
    }
    await ports.clock.sleep(wait, ports.signal);
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  }
}
