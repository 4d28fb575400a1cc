import type { ConnectionInput } from '@switchyard/journal';
import { z } from 'zod';
import { notFound } from '../http/api-error.ts';
import { route } from '../http/route.ts';
import { tryConnection } from '../models/try-connection.ts';
import { ById, ConnectionBody, ConnectionShown, Id, listOf, shownConnection } from './shapes.ts';

/** A key that is left out stays as it is. */
function inputFrom(body: z.infer<typeof ConnectionBody>): ConnectionInput {
  const { modelId, apiKey, price, ...rest } = body;
  return {
    ...rest,
    model: modelId,
    ...(apiKey === undefined ? {} : { apiKey: apiKey === '' ? null : apiKey }),
    ...(price === undefined ? {} : { price }),
  };
}

/** The models that agent steps and API clients reach. */
export const connectionRoutes = [
  route({
    method: 'get',
    path: '/api/connections',
    auth: 'local',
    permission: 'read',
    scope: 'project',
    summary: 'List model connections, without their keys',
    answer: listOf(ConnectionShown),
    handle: async ({ services }) => ({
      items: (await services.database.catalog.connections.list()).map(shownConnection),
    }),
  }),
  route({
    method: 'post',
    path: '/api/connections',
    auth: 'local',
    permission: 'manage',
    scope: 'project',
    summary: 'Add a model connection',
    body: ConnectionBody,
    status: 201,
    answer: ConnectionShown,
    handle: async ({ body, services }) =>
      shownConnection(await services.database.catalog.connections.create(inputFrom(body))),
  }),
  route({
    method: 'put',
    path: '/api/connections/:id',
    auth: 'local',
    permission: 'manage',
    scope: 'project',
    summary: 'Change a model connection; a key that is left out stays',
    params: ById,
    body: ConnectionBody,
    answer: ConnectionShown,
    handle: async ({ params, body, services }) => {
      const row = await services.database.catalog.connections.update(params.id, inputFrom(body));
      if (row === null) throw notFound('connection');
      return shownConnection(row);
    },
  }),
  route({
    method: 'delete',
    path: '/api/connections/:id',
    auth: 'local',
    permission: 'manage',
    scope: 'project',
    summary: 'Delete a model connection',
    params: ById,
    status: 204,
    answer: null,
    handle: async ({ params, services }) => {
      if (!(await services.database.catalog.connections.remove(params.id))) throw notFound('connection');
      return null;
    },
  }),
  route({
    method: 'post',
    path: '/api/connections/:id/default',
    auth: 'local',
    permission: 'manage',
    scope: 'project',
    summary: 'Use this connection where none is named',
    params: ById,
    body: z.strictObject({}).default({}),
    answer: z.strictObject({ id: Id, isDefault: z.literal(true) }),
    handle: async ({ params, services }) => {
      if (!(await services.database.catalog.connections.markDefault(params.id))) throw notFound('connection');
      return { id: params.id, isDefault: true };
    },
  }),
  route({
    method: 'post',
    path: '/api/connections/:id/test',
    auth: 'local',
    permission: 'manage',
    scope: 'project',
    summary: 'Ask the model behind a connection for one short answer',
    params: ById,
    body: z.strictObject({}).default({}),
    answer: z.strictObject({ ok: z.boolean(), message: z.string(), models: z.array(z.string()), ms: z.number() }),
    handle: async ({ params, services }) => {
      const connection = await services.database.catalog.connections.get(params.id);
      if (connection === null) throw notFound('connection');
      return tryConnection(connection, services);
    },
  }),
];
