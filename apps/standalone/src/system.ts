import { setTimeout as delay } from 'node:timers/promises';

/** Time, and a look at one URL: what this app takes from outside besides processes and files. */
export interface System {
  /** Milliseconds since some fixed moment; never runs backwards. */
  elapsed(): number;
  /** The date and time now, ISO 8601 in UTC, for log lines. */
  timestamp(): string;
  /** Resolves after `ms`. */
  sleep(ms: number): Promise<void>;
  /** True when a GET of the address is answered with 2xx within `ms`. Never throws. */
  answers(url: string, options: { readonly ms: number; readonly key?: string }): Promise<boolean>;
}

/** The real one. */
export const realSystem: System = {
  elapsed: () => performance.now(),
  timestamp: () => new Date().toISOString(),
  sleep: (ms) => delay(ms),
  answers: async (url, { ms, key }) => {
    try {
      const answer = await fetch(url, {
        signal: AbortSignal.timeout(ms),
        ...(key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } }),
      });
      await answer.body?.cancel();
      return answer.ok;
    } catch {
      return false;
    }
  },
};
