import type { WaitRow } from '@switchyard/journal';
import { StoredValue } from '@switchyard/pipeline';
import { z } from 'zod';
import { route } from '../http/route.ts';
import { Id } from '../routes/shapes.ts';
import type { Services } from '../services.ts';
import { decide, notWaiting } from './answer.ts';

/** A wait as the API shows it. `link`: where somebody outside answers it, null where nobody outside can. */
export const WaitShown = z.strictObject({
  runId: Id,
  pipelineId: Id,
  pipelineName: z.string(),
  stepKey: z.string(),
  reason: z.enum(['time', 'webhook', 'approval', 'child', 'decision', 'paused']),
  since: z.string(),
  until: z.string().nullable(),
  child: Id.nullable(),
  subject: StoredValue.nullable(),
  instructions: z.string().nullable(),
  calls: z.array(z.string()).describe('Ids of tool calls whose outcome is unknown; see the decision route.'),
  link: z.string().nullable(),
});

const LINK_OF: Partial<Record<WaitRow['reason'], 'approvals' | 'resume'>> = {
  approval: 'approvals',
  webhook: 'resume',
};

/** A wait with its link. */
export function shownWait({ epoch, calls, ...row }: WaitRow, { links }: Services): z.infer<typeof WaitShown> {
  const kind = LINK_OF[row.reason];
  const link = kind === undefined ? null : links.address(kind, { runId: row.runId, stepKey: row.stepKey, epoch });
  return { ...row, calls: [...calls], link };
}

/** `/…/:id/steps/:key`; a key with slashes is percent-encoded. */
export const ByStep = z.strictObject({ id: Id, key: z.string().min(1).max(1_000) });

/** Approvals for people of this installation. */
export const approvalRoutes = [
  route({
    method: 'get',
    path: '/api/approvals',
    auth: 'local',
    permission: 'read',
    scope: 'project',
    summary: 'Approvals that wait for a person, the longest waiting first',
    query: z.object({
      state: z.enum(['waiting']).default('waiting'),
      run: Id.optional(),
      limit: z.coerce.number().int().min(1).max(500).default(100),
    }),
    answer: z.strictObject({ items: z.array(WaitShown) }),
    handle: async ({ query, services }) => {
      const rows = await services.database.catalog.waits.list({
        reason: 'approval',
        limit: query.limit,
        ...(query.run ? { runId: query.run } : {}),
      });
      return { items: rows.map((row) => shownWait(row, services)) };
    },
  }),
  route({
    method: 'post',
    path: '/api/runs/:id/steps/:key/approval',
    auth: 'local',
    permission: 'run',
    scope: 'project',
    summary: 'Decide a waiting approval, once; 409 when it waits no more',
    params: ByStep,
    body: z.strictObject({ approved: z.boolean(), comment: z.string().max(2_000).optional() }),
    answer: z.strictObject({ outcome: z.literal('decided') }),
    handle: async ({ params, body, services }) => {
      const { id: runId, key: stepKey } = params;
      const [wait] = await services.database.catalog.waits.list({ runId, stepKey, reason: 'approval', limit: 1 });
      if (wait === undefined) throw notWaiting();
      await decide(services, { runId, stepKey, epoch: wait.epoch }, { ...body, by: 'user' });
      return { outcome: 'decided' };
    },
  }),
];
