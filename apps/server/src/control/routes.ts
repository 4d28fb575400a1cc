import { z } from 'zod';
import { ByStep } from '../approvals/routes.ts';
import { notFound, queueFull } from '../http/api-error.ts';
import { dedupKey } from '../http/dedup-key.ts';
import { route } from '../http/route.ts';
import { ById, Id } from '../routes/shapes.ts';
import { resumeRun } from './resume.ts';
import { retryRequest } from './retry.ts';
import { decideTool } from './tool-decision.ts';

/** Taking a run in hand: pausing, resuming, doing again, deciding what no machine can know. */
export const controlRoutes = [
  route({
    method: 'post',
    path: '/api/runs/:id/pause',
    auth: 'local',
    permission: 'run',
    scope: 'project',
    summary:
      'Pause a run and its living descendants: nothing new begins, steps at work end, agents stop between two turns',
    params: ById,
    body: z.strictObject({}).default({}),
    answer: z.strictObject({ outcome: z.enum(['paused', 'over']) }),
    handle: async ({ params, services }) => {
      const answer = await services.database.control.pause({ runId: params.id, by: 'user' });
      if (answer.outcome === 'unknown') throw notFound('run');
      return { outcome: answer.outcome };
    },
  }),
  route({
    method: 'post',
    path: '/api/runs/:id/resume',
    auth: 'local',
    permission: 'run',
    scope: 'project',
    summary: 'Let a paused run and its living descendants go on where they are',
    params: ById,
    body: z.strictObject({}).default({}),
    answer: z.strictObject({ outcome: z.enum(['resumed', 'not_paused', 'over']) }),
    handle: async ({ params, services }) => {
      const outcome = await resumeRun(params.id, 'user', services);
      if (outcome === 'unknown') throw notFound('run');
      return { outcome };
    },
  }),
  route({
    method: 'post',
    path: '/api/runs/:id/retry',
    auth: 'local',
    permission: 'run',
    scope: 'project',
    summary:
      'Start a new run that copies what ended well in an ended one and does the rest: from steps you name or from those that failed, on a revision you choose',
    params: ById,
    body: z.strictObject({
      from: z
        .union([z.literal('failed'), z.array(z.string().min(1).max(1_000)).min(1).max(1_000)])
        .default('failed')
        .describe('Step keys, or `failed`.'),
      revision: z.enum(['same', 'published', 'draft']).default('same'),
    }),
    status: 201,
    answer: z.strictObject({ runId: Id }),
    handle: async ({ params, body, request, services }) => {
      const order = { runId: params.id, ...body, dedupKey: dedupKey(request) };
      const answer = await services.database.journal.startRun(await retryRequest(order, services));
      if (answer.outcome === 'full') throw queueFull();
      if (answer.outcome === 'stale_revision') throw notFound('revision');
      return { runId: answer.runId };
    },
  }),
  route({
    method: 'post',
    path: '/api/runs/:id/steps/:key/decision',
    auth: 'local',
    permission: 'run',
    scope: 'project',
    summary:
      'Decide about a tool call whose outcome is unknown: make it again, take it as done, or tell the model it failed',
    params: ByStep,
    body: z.strictObject({
      call: z.string().min(1).max(1_000),
      decision: z.enum(['repeat', 'use', 'fail']),
      result: z.string().max(1_000_000).optional().describe('With `use`: what the call brought.'),
    }),
    answer: z.strictObject({ outcome: z.literal('decided') }),
    handle: async ({ params, body, services }) => {
      await decideTool({ runId: params.id, stepKey: params.key }, body, services);
      return { outcome: 'decided' };
    },
  }),
];
