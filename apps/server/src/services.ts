import type { Database, Metrics } from '@switchyard/journal';

import type { Links } from './approvals/links.ts';

import type { DeliveryLog } from './hooks/delivery-log.ts';
import type { HookBook } from './hooks/hook-book.ts';

import type { CallModel } from './outbound/model-http.ts';
import type { Starter } from './start-run.ts';
import type { Clock } from './system.ts';

/** What handlers work with. */
export type Services = {
  readonly database: Database;
  readonly starter: Starter;
  readonly clock: Clock;
  /** Webhooks by their token, and what came in at them. */
  readonly hooks: { readonly book: HookBook; readonly log: DeliveryLog };
  /** HTTP to the model connections. */
  readonly callModel: CallModel;
  /** The numbers of this process; null: they are off. */
  readonly metrics: Metrics | null;
  /** Addresses by which people outside answer a waiting step. */
  readonly links: Links;
  readonly version: string;
  /** Address that people and clients use, without a slash at its end. */
  readonly baseUrl: string;
  /** Aborted when the server stops: streams end and waiting callers are sent to the status URL. */
  readonly stopping: AbortSignal;
  /** The key local clients may use, shown in the settings; null when it was taken away. */
  readonly localKey: () => Promise<string | null>;
  /** Told what an operator should know. */
  readonly warn: (message: string) => void;
};
