import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '@switchyard/agent';

/*
 * The real world, for those who take time and chance as parameters. Tests bring their own.
 */

/** Where chance comes from. */
export interface Random {
  /** Uniform in [0, 1). */
  fraction(): number;
  /** `count` bytes nobody can guess. */
  bytes(count: number): Buffer;
}

const LONGEST_TIMER_MS = 2 ** 30;

/** The system's clock. `sleep` rejects with the reason of its signal when that is aborted first. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep: async (ms, signal) => {
    for (let left = ms; ; left -= LONGEST_TIMER_MS) {
      await sleep(Math.min(left, LONGEST_TIMER_MS), undefined, signal ? { signal } : {}).catch((error: unknown) => {
        throw signal?.reason ?? error;
      });
      if (left <= LONGEST_TIMER_MS) return;
    }
  },
};

/** The system's chance. */
export const systemRandom: Random = {
  fraction: () => Math.random(),
  bytes: (count) => randomBytes(count),
};
