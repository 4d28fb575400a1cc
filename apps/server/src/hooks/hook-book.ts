import type { Database, RevisionRow, WebhookRow } from '@switchyard/journal';
import { type WebhookConfig, webhookConfig } from '@switchyard/pipeline';
import { ApiError } from '../http/api-error.ts';
import type { Clock } from '../system.ts';

/** A webhook with the revision it stands in and what its node says there. */
export type Hook = { readonly row: WebhookRow; readonly revision: RevisionRow; readonly config: WebhookConfig };

const FRESH_MS = 1_000;
const MOST = 1_000;

/**
 * Webhooks by their token, remembered for a second. A run is never started from a stale page: the start itself compares the
 * revision with the one published. One that is not there is looked up each time, so a new one is there at once.
 */
export type HookBook = {
  /** Throws 404 `unknown_hook`. */
  readonly find: (token: string) => Promise<Hook>;
  /** Looks it up anew next time; true when it had been remembered. */
  readonly forget: (token: string) => boolean;
};

/** An empty book. */
export function createHookBook({ catalog }: Pick<Database, 'catalog'>, clock: Clock): HookBook {
  const pages = new Map<string, { readonly hook: Hook; readonly until: number }>();
  return {
    find: async (token) => {
      const page = pages.get(token);
      if (page !== undefined && page.until > clock.now()) return page.hook;
      const row = await catalog.webhooks.byToken(token);
      const hook = row === null ? null : await hookOf(row, catalog);
      if (hook === null)
        throw new ApiError(404, 'unknown_hook', 'No published pipeline listens here.', {
          hint: 'Publish the pipeline, and compare the address with the one its webhook node shows.',
        });
      if (pages.size >= MOST) pages.clear();
      pages.set(token, { hook, until: clock.now() + FRESH_MS });
      return hook;
    },
    forget: (token) => pages.delete(token),
  };
}

/** The webhook as its published revision has it; null when that has gone meanwhile. */
export async function hookOf(
  row: WebhookRow,
  { revisions }: Pick<Database['catalog'], 'revisions'>,
): Promise<Hook | null> {
  const revision = await revisions.get(row.revisionId);
  const node = revision?.document.nodes.find(({ id }) => id === row.node);
  return revision === null || node === undefined ? null : { row, revision, config: webhookConfig(node.config) };
}
