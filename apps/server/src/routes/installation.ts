import { nodeTypeCatalogue } from '@switchyard/pipeline';
import { z } from 'zod';
import { notFound } from '../http/api-error.ts';
import { route } from '../http/route.ts';
import { nextFires } from '../schedule/next-fires.ts';
import { ById, Id, KeyShown, listOf } from './shapes.ts';

/** What this installation is and offers. */
export const installationRoutes = [
  route({
    method: 'get',
    path: '/health',
    auth: 'public',
    permission: 'none',
    scope: 'installation',
    summary: 'Whether this server answers',
    answer: z.strictObject({ status: z.literal('ok'), version: z.string() }),
    handle: ({ services }) => ({ status: 'ok', version: services.version }),
  }),
  route({
    method: 'get',
    path: '/api/session',
    auth: 'local',
    permission: 'read',
    scope: 'installation',
    summary: 'Who you are here, and the key local clients may use',
    answer: z.strictObject({
      project: z.string(),
      user: z.string(),
      version: z.string(),
      key: z.string().nullable(),
      publicUrl: z.string(),
    }),
    handle: async ({ services }) => {
      const { project, user } = await services.database.catalog.session();
      return {
        project: project.name,
        user: user.name,
        version: services.version,
        key: await services.localKey(),
        publicUrl: services.baseUrl,
      };
    },
  }),
  route({
    method: 'get',
    path: '/api/node-types',
    auth: 'local',
    permission: 'read',
    scope: 'installation',
    summary: 'Node types with ports, JSON Schema of their config, help and examples; and the functions of expressions',
    answer: z.looseObject({}),
    handle: () => nodeTypeCatalogue(),
  }),
  route({
    method: 'get',
    path: '/api/keys',
    auth: 'local',
    permission: 'manage',
    scope: 'project',
    summary: 'List API keys, without their secrets',
    answer: listOf(KeyShown),
    handle: async ({ services }) => ({ items: await services.database.catalog.apiKeys.list() }),
  }),
  route({
    method: 'post',
    path: '/api/keys',
    auth: 'local',
    permission: 'manage',
    scope: 'project',
    summary: 'Make an API key; it is shown this once',
    body: z.strictObject({ name: z.string().trim().min(1).max(120) }),
    status: 201,
    answer: KeyShown.extend({ key: z.string() }),
    handle: async ({ body, services }) => {
      const { row, key } = await services.database.catalog.apiKeys.create(body.name);
      return { ...row, key };
    },
  }),
  route({
    method: 'delete',
    path: '/api/keys/:id',
    auth: 'local',
    permission: 'manage',
    scope: 'project',
    summary: 'Delete an API key; clients that use it are refused from then on',
    params: ById,
    status: 204,
    answer: null,
    handle: async ({ params, services }) => {
      if (!(await services.database.catalog.apiKeys.remove(params.id))) throw notFound('key');
      return null;
    },
  }),
  route({
    method: 'get',
    path: '/api/documents',
    auth: 'local',
    permission: 'read',
    scope: 'project',
    summary: 'Search the documents that agents can search',
    query: z.object({ q: z.string().min(1).max(500), limit: z.coerce.number().int().min(1).max(50).default(10) }),
    answer: listOf(z.strictObject({ title: z.string(), address: z.string(), excerpt: z.string() })),
    handle: async ({ query, services }) => ({
      items: await services.database.catalog.documents.search(query.q, query.limit),
    }),
  }),
  route({
    method: 'get',
    path: '/api/schedules',
    auth: 'local',
    permission: 'read',
    scope: 'project',
    summary: 'Live schedules with their next ten fire times',
    query: z.object({ pipeline: Id.optional() }),
    answer: listOf(z.looseObject({ id: Id, cron: z.string(), timezone: z.string(), next: z.array(z.string()) })),
    handle: async ({ query, services }) => {
      const rows = await services.database.catalog.schedules.list(query.pipeline ? { pipelineId: query.pipeline } : {});
      return {
        items: rows.map((row) => ({
          ...row,
          next: nextFires({ ...row, everySeconds: null }, new Date(services.clock.now()), 10).map((at) =>
            at.toISOString(),
          ),
        })),
      };
    },
  }),
];
