import type { Database, NewDelivery } from '@switchyard/journal';
import type { Clock } from '../system.ts';

/*
 * What came in at webhooks, for people to look at and send again. It is written four times a second, off the way of the
 * requests, and of a burst only what would be kept; a server that is killed loses the last of it, never a run.
 */

const FLUSH_MS = 250;
const KEPT = 50;

/** Notes deliveries. `close` writes the rest. */
export type DeliveryLog = {
  readonly note: (delivery: NewDelivery) => void;
  readonly flush: () => Promise<void>;
  readonly close: () => Promise<void>;
};

/** A log on a database. */
export function createDeliveryLog(
  { catalog }: Pick<Database, 'catalog'>,
  clock: Clock,
  warn: (message: string) => void,
): DeliveryLog {
  const waiting = new Map<string, NewDelivery[]>();
  let under: Promise<void> = Promise.resolve();
  const flush = (): Promise<void> => {
    const deliveries = [...waiting.values()].flat();
    waiting.clear();
    if (deliveries.length === 0) return under;
    under = under
      .then(() => catalog.webhooks.note(deliveries))
      .catch((error: unknown) => warn(`deliveries: ${error instanceof Error ? error.message : String(error)}`));
    return under;
  };
  const cancel = clock.every(FLUSH_MS, () => void flush());
  return {
    note: (delivery) => {
      const ofHook = waiting.get(delivery.webhookId) ?? [];
      ofHook.push(delivery);
      waiting.set(delivery.webhookId, ofHook.length > KEPT ? ofHook.slice(-KEPT) : ofHook);
    },
    flush,
    close: () => {
      cancel();
      return flush();
    },
  };
}
