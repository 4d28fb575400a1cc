import { setTimeout as delay } from 'node:timers/promises';

/** The way out of the process: HTTP and waiting. */
export interface System {
  /** As the global fetch. */
  readonly fetch: typeof fetch;
  readonly sleep: (ms: number) => Promise<void>;
}

/** The real one. */
export const realSystem: System = { fetch: (...request) => fetch(...request), sleep: (ms) => delay(ms) };
