import { nodeTypeCatalogue } from '@switchyard/pipeline';
import { z } from 'zod';
import { ApiError, notFound } from '../http/api-error.ts';
import { route } from '../http/route.ts';
import { ById, KeyShown, listOf } from './shapes.ts';

const isTimezone = (name: string): boolean => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
};

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
    path: '/metrics',
    auth: 'key',
    permission: 'read',
    scope: 'installation',
    summary: 'What this server counted since its start, in the text format of Prometheus',
    answer: z.string().meta({ contentType: 'text/plain' }),
    handle: async ({ response, services }) => {
      if (services.metrics === null)
        throw new ApiError(404, 'metrics_off', 'Nothing is counted here.', {
          hint: 'Start the server with SWITCHYARD_METRICS=on.',
        });
      const { contentType, body } = await services.metrics.text();
      response.set({ 'Content-Type': contentType, 'Cache-Control': 'no-store' }).end(body);
      return undefined;
    },
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
      timezone: z.string().describe('Zone of your schedules that name none.'),
    }),
    handle: async ({ services }) => {
      const { project, user } = await services.database.catalog.session();
      return {
        project: project.name,
        user: user.name,
        version: services.version,
        key: await services.localKey(),
        publicUrl: services.baseUrl,
        timezone: user.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
      };
    },
  }),
  route({
    method: 'put',
    path: '/api/session/timezone',
    auth: 'local',
    permission: 'manage',
    scope: 'installation',
    summary: 'Set the zone of your schedules that name none, from their next publish on; null: that of the machine',
    body: z.strictObject({
      timezone: z.string().max(64).refine(isTimezone, 'an IANA name such as Europe/Berlin').nullable(),
    }),
    status: 204,
    answer: null,
    handle: async ({ body, services }) => {
      await services.database.catalog.setTimezone(body.timezone);
      return null;
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
];
