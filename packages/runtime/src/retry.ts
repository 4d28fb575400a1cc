import { type Node, RetryPolicy } from '@switchyard/pipeline';
import type { StepError } from './errors.ts';

/** Workers that may die with one step in hand before the step counts as what kills them. */
export const CRASH_LIMIT = 10;

const HOUR_MS = 3_600_000;
/** A tenth more or less, so that steps that failed together do not come back together. */
const JITTER = 0.1;

/**
 * Milliseconds until the next attempt, or null where there is none: the error is not what the policy names, or the
 * attempts are used up. Without a policy a node has one attempt. `fraction` is uniform in [0, 1).
 */
export function nextAttemptInMs(
  node: Pick<Node, 'retry'>,
  error: StepError,
  attempt: number,
  fraction: number,
): number | null {
  if (node.retry === undefined || error.retry === 'never') return null;
  if (!node.retry.on.includes(error.retry) || attempt >= node.retry.attempts) return null;
  const plain = Math.min(node.retry.backoffSeconds * 1_000 * 2 ** (attempt - 1), HOUR_MS);
  return Math.round(plain * (1 - JITTER + 2 * JITTER * fraction));
}

/** Whether a step whose worker died may be taken up again: without a policy yes, else as the policy says. */
export function survivesCrash(node: Pick<Node, 'retry'>, crashes: number): boolean {
  if (crashes === 0) return true;
  return crashes <= CRASH_LIMIT && (node.retry ?? DEFAULT).on.includes('worker_lost');
}

const DEFAULT = RetryPolicy.parse({});
