import { z } from 'zod';
import { shownWait, WaitShown } from '../approvals/routes.ts';
import { notFound } from '../http/api-error.ts';
import { route } from '../http/route.ts';
import type { Services } from '../services.ts';
import { ById, Id, Paging, RunListed, shownRun } from './shapes.ts';

const RunStateName = z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled']);

/** Waits told with a run. */
const MOST_WAITS = 200;

async function runOf(services: Services, id: string) {
  const row = await services.database.catalog.runs.get(id);
  if (row === null) throw notFound('run');
  return row;
}

/** Looking at runs, and stopping them. */
export const runRoutes = [
  route({
    method: 'get',
    path: '/api/runs',
    auth: 'local',
    permission: 'read',
    scope: 'project',
    summary: 'List runs, newest first',
    query: Paging.extend({ pipeline: Id.optional(), state: RunStateName.optional() }),
    answer: z.strictObject({ items: z.array(RunListed), next: Id.nullable() }),
    handle: async ({ query, services }) => {
      const page = await services.database.catalog.runs.list({
        limit: query.limit,
        ...(query.pipeline ? { pipelineId: query.pipeline } : {}),
        ...(query.state ? { state: query.state } : {}),
        ...(query.after ? { after: query.after } : {}),
      });
      return { items: page.rows.map(shownRun), next: page.next };
    },
  }),
  route({
    method: 'get',
    path: '/api/runs/:id',
    auth: 'local',
    permission: 'read',
    scope: 'project',
    summary: 'A run with the revision it pins and the steps that wait',
    params: ById,
    answer: z.strictObject({
      run: RunListed,
      revision: z.looseObject({ id: Id, document: z.looseObject({}) }),
      waiting: z.array(WaitShown),
      seq: z.number().int(),
    }),
    handle: async ({ params, services }) => {
      const run = await runOf(services, params.id);
      const waits = await services.database.catalog.waits.list({ runId: run.id, limit: MOST_WAITS });
      const revision = await services.database.catalog.revisions.get(run.revisionId);
      if (revision === null) throw notFound('revision');
      return {
        run: shownRun(run),
        revision: { id: revision.id, number: revision.number, document: revision.document },
        waiting: waits.map((row) => shownWait(row, services)),
        seq: run.seq,
      };
    },
  }),
  route({
    method: 'get',
    path: '/api/runs/:id/events',
    auth: 'local',
    permission: 'read',
    scope: 'project',
    summary:
      'The journal of a run after a seq, in order; `next` is the seq to go on after, null at the end of what there is',
    params: ById,
    query: z.object({
      after: z.coerce.number().int().min(0).default(0),
      limit: z.coerce.number().int().min(1).max(5_000).default(1_000),
    }),
    answer: z.strictObject({
      events: z.array(z.looseObject({ seq: z.number().int(), kind: z.string() })),
      next: z.number().int().nullable(),
    }),
    handle: async ({ params, query, services }) => {
      await runOf(services, params.id);
      const events = await services.database.journal.events(params.id, query);
      return { events, next: events.length === query.limit ? (events.at(-1)?.seq ?? null) : null };
    },
  }),
  route({
    method: 'post',
    path: '/api/runs/:id/cancel',
    auth: 'local',
    permission: 'run',
    scope: 'project',
    summary: 'Cancel a run; answered when the request stands in the journal of it and of all its living descendants',
    params: ById,
    body: z.strictObject({ reason: z.string().max(1_000).optional() }).default({}),
    answer: z.strictObject({ outcome: z.enum(['cancelled', 'cancelling', 'over']), state: RunStateName }),
    handle: async ({ params, body, services }) => {
      await runOf(services, params.id);
      const answer = await services.database.control.cancel({
        runId: params.id,
        by: 'user',
        ...(body.reason ? { reason: body.reason } : {}),
      });
      if (answer.outcome === 'unknown') throw notFound('run');
      return { outcome: answer.outcome, state: answer.state };
    },
  }),
  route({
    method: 'get',
    path: '/api/blobs/:sha256',
    auth: 'local',
    permission: 'read',
    scope: 'project',
    summary: 'A large value of a run, as a download',
    params: z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
    query: z.object({ run: Id }),
    answer: z.string().meta({ contentType: 'application/octet-stream' }),
    handle: async ({ params, query, services, response }) => {
      const blob = await services.database.catalog.runs.blob(query.run, params.sha256);
      if (blob === null) throw notFound('value');
      // somebody's bytes: never shown as a page of ours
      response.set({
        'Content-Type': 'application/octet-stream',
        'Content-Disposition': `attachment; filename="${params.sha256.slice(0, 12)}"`,
        'X-Media-Type': blob.mediaType,
        'Cache-Control': 'private, max-age=31536000, immutable',
      });
      response.send(blob.bytes);
      return undefined;
    },
  }),
];
