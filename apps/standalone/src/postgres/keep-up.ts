import { StartFailure } from '../failure.ts';
import type { System } from '../system.ts';
import type { Cluster } from './cluster.ts';

const LOOK_EVERY_MS = 250;
const BACKOFF_MS = { first: 250, most: 10_000 } as const;

/** Ends the watch; a restart under way is waited for. */
export type Keeper = { readonly stop: () => Promise<void> };

/**
 * Starts the postmaster again, on the same port, whenever it is gone; programs that were connected reconnect by themselves. It
 * is looked for by process id, as an adopted one is nobody's child. `tell` hears of deaths and of failed restarts.
 */
export function keepClusterUp(cluster: Cluster, system: System, tell: (line: string) => void): Keeper {
  let stopping = false;
  const watch = async (): Promise<void> => {
    let backoff: number = BACKOFF_MS.first;
    while (!stopping) {
      if (cluster.alive()) {
        await system.sleep(LOOK_EVERY_MS);
        continue;
      }
      tell('PostgreSQL ended, starting it again');
      try {
        await cluster.restart();
        backoff = BACKOFF_MS.first;
        tell('PostgreSQL is up again');
      } catch (error) {
        tell(`${error instanceof StartFailure ? error.hint : String(error)}; trying again`);
        await system.sleep(backoff);
        backoff = Math.min(backoff * 2, BACKOFF_MS.most);
      }
    }
  };
  const watching = watch();
  return {
    stop: async () => {
      stopping = true;
      await watching;
    },
  };
}
