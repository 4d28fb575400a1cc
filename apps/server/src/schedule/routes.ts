import { z } from 'zod';
import { notFound } from '../http/api-error.ts';
import { route } from '../http/route.ts';
import { ById, Id, listOf } from '../routes/shapes.ts';
import type { Services } from '../services.ts';
import { nextFires } from './next-fires.ts';

const ScheduleShown = z.looseObject({
  id: Id,
  pipelineId: Id,
  node: z.string(),
  cron: z.string().nullable(),
  everySeconds: z.number().int().nullable(),
  timezone: z.string(),
  missed: z.enum(['skip', 'last', 'all']),
  overlap: z.enum(['allow', 'skip', 'queue_one', 'cancel_running']),
  enabled: z.boolean(),
  nextFire: z.string().nullable(),
  lastFire: z.string().nullable(),
  next: z.array(z.string()).describe('The next ten fire times; none while it is disabled.'),
});

async function known(services: Services, id: string): Promise<string> {
  if ((await services.database.catalog.schedules.get(id)) === null) throw notFound('schedule');
  return id;
}

const FiringShown = z.strictObject({
  fireAt: z.string(),
  at: z.string(),
  outcome: z.enum(['fired', 'queued', 'skipped', 'missed']),
  runId: Id.nullable(),
  detail: z.string().nullable(),
});

/** One of the two switches of a schedule. */
const switched = (to: 'enable' | 'disable', summary: string) =>
  route({
    method: 'post',
    path: `/api/schedules/:id/${to}`,
    auth: 'local',
    permission: 'edit',
    scope: 'project',
    summary,
    params: ById,
    body: z.strictObject({}).default({}),
    status: 204,
    answer: null,
    handle: async ({ params, services }) => {
      if (!(await services.database.catalog.schedules.enable(params.id, to === 'enable'))) throw notFound('schedule');
      return null;
    },
  });

/** Schedules of published pipelines: their times to come, what became of those that came, and their switch. */
export const scheduleRoutes = [
  route({
    method: 'get',
    path: '/api/schedules',
    auth: 'local',
    permission: 'read',
    scope: 'project',
    summary: 'Live schedules with their next ten fire times',
    query: z.object({ pipeline: Id.optional() }),
    answer: listOf(ScheduleShown),
    handle: async ({ query, services }) => {
      const rows = await services.database.catalog.schedules.list(query.pipeline ? { pipelineId: query.pipeline } : {});
      const now = new Date(services.clock.now());
      return {
        items: rows.map((row) => ({
          ...row,
          next: row.enabled ? nextFires(row, now, 10).map((at) => at.toISOString()) : [],
        })),
      };
    },
  }),
  route({
    method: 'get',
    path: '/api/schedules/:id/firings',
    auth: 'local',
    permission: 'read',
    scope: 'project',
    summary: 'What became of the fire times of a schedule, the newest first: fired, queued, skipped or missed',
    params: ById,
    query: z.object({
      before: z.iso.datetime().optional(),
      limit: z.coerce.number().int().min(1).max(500).default(50),
    }),
    answer: listOf(FiringShown),
    handle: async ({ params, query, services }) => {
      const options = { limit: query.limit, ...(query.before ? { before: query.before } : {}) };
      return {
        items: await services.database.catalog.schedules.firings(await known(services, params.id), options),
      };
    },
  }),
  switched('enable', 'Let a schedule fire again, from now on: the times it was disabled are not missed'),
  switched('disable', 'Keep a schedule from firing until it is enabled, also over a publish'),
];
