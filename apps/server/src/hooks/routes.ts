import { Json } from '@switchyard/pipeline';
import { z } from 'zod';
import { notFound } from '../http/api-error.ts';
import { route } from '../http/route.ts';
import { ById, Id, listOf } from '../routes/shapes.ts';
import type { Services } from '../services.ts';
import { graphOf } from '../start-run.ts';
import { answerAmong, saidBy } from './answer.ts';
import { listDeliveries, replayDelivery } from './deliveries.ts';
import { receiveHook, statusUrl } from './hooks.ts';

const Token = z.string().max(200);

/** The state of a run for whoever called the webhook that began it, and the answer once it has ended. */
async function runStatus(token: string, runId: string, services: Services) {
  const { hooks, database } = services;
  const hook = await hooks.book.find(token);
  const run = Id.safeParse(runId).success ? await database.catalog.runs.get(runId) : null;
  if (run === null || run.pipelineId !== hook.row.pipelineId || run.trigger.node !== hook.row.node)
    throw notFound('run');
  const ended = run.endedAt === null ? [] : await database.journal.events(runId, { after: run.seq - 1 });
  const answer = answerAmong(ended, { graph: graphOf(hook.revision), mode: 'last_step' });
  const said = answer === null ? null : await saidBy(answer, runId, database);
  return {
    runId,
    state: run.state,
    status: statusUrl(token, runId, services),
    answer: said === null ? null : unfolded(said),
  };
}

const Said = z.strictObject({ status: z.number(), headers: z.record(z.string(), z.string()), body: Json });

/** What a Respond step said is the output of its run: the answer is what it says, not that it says it. */
function unfolded(said: z.infer<typeof Said>): z.infer<typeof Said> {
  const inner = said.status === 200 ? Said.safeParse(said.body) : null;
  return inner?.success ? inner.data : said;
}

const DeliveryShown = z.strictObject({
  id: Id,
  webhookId: Id,
  runId: Id.nullable(),
  at: z.string(),
  outcome: z.enum(['started', 'repeated', 'refused']),
  status: z.number().int(),
  code: z.string().nullable(),
  method: z.string(),
  target: z.string(),
  headers: z.record(z.string(), z.string()),
  bodyBytes: z.number().int(),
});

/** Where the world starts runs, and where people see what came in. */
export const hookRoutes = [
  route({
    method: 'all',
    path: '/hooks/:token',
    auth: 'token',
    permission: 'run',
    scope: 'project',
    summary: 'Start a run of the pipeline that listens here; answered 2xx only once it stands in the journal',
    params: z.strictObject({ token: Token }),
    readsItself: true,
    answer: z
      .json()
      .describe(
        'By the mode of the webhook: run id and status URL, the output of the run, what its Respond step says, or a stream of events.',
      ),
    handle: async ({ request, response, services }) => {
      response.once('finish', () => services.metrics?.webhook(response.statusCode));
      await receiveHook(request, response, services);
      return undefined;
    },
  }),
  route({
    method: 'get',
    path: '/hooks/:token/runs/:run',
    auth: 'token',
    permission: 'run',
    scope: 'project',
    summary: 'State of a run that this webhook began, and its answer once it has ended',
    params: z.strictObject({ token: Token, run: z.string().max(64) }),
    answer: z.strictObject({ runId: Id, state: z.string(), status: z.string(), answer: Said.nullable() }),
    handle: ({ params, services }) => runStatus(params.token, params.run, services),
  }),
  route({
    method: 'get',
    path: '/api/webhooks',
    auth: 'local',
    permission: 'read',
    scope: 'project',
    summary: 'Live webhooks of a pipeline',
    query: z.object({ pipeline: Id }),
    answer: listOf(z.looseObject({ id: Id, pipelineId: Id, node: z.string(), mode: z.string() })),
    handle: async ({ query, services }) => ({ items: await services.database.catalog.webhooks.list(query.pipeline) }),
  }),
  route({
    method: 'get',
    path: '/api/webhooks/:id/deliveries',
    auth: 'local',
    permission: 'read',
    scope: 'project',
    summary: 'The last 50 deliveries of a webhook, the newest first, without secrets',
    params: ById,
    answer: listOf(DeliveryShown),
    handle: async ({ params, services }) => ({ items: await listDeliveries(params.id, services) }),
  }),
  route({
    method: 'post',
    path: '/api/webhooks/:id/deliveries/:delivery/replay',
    auth: 'local',
    permission: 'run',
    scope: 'project',
    summary: 'Start a run with what a delivery brought, in the draft or in the published version',
    params: z.strictObject({ id: Id, delivery: Id }),
    body: z.strictObject({ source: z.enum(['draft', 'published']).default('draft') }).default({ source: 'draft' }),
    status: 201,
    answer: z.strictObject({ runId: Id }),
    handle: async ({ params, body, services }) => {
      const replay = { webhook: params.id, delivery: params.delivery, source: body.source };
      return { runId: await replayDelivery(replay, services) };
    },
  }),
];
