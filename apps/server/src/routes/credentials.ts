import { z } from 'zod';
import { notFound } from '../http/api-error.ts';
import { route } from '../http/route.ts';
import { Id, listOf } from './shapes.ts';

const Name = z
  .string()
  .regex(
    /^[a-zA-Z0-9][a-zA-Z0-9 ._-]{0,119}$/,
    'letters, digits, spaces, ., _ and -, beginning with a letter or digit',
  );
const Host = z
  .string()
  .regex(/^[a-z0-9.-]+(:\d{1,5})?$/, 'a host in lower case, with its port where it is not the usual one');

const HeaderCredential = z.strictObject({
  header: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,64}$/, 'a header name')
    .default('Authorization'),
  value: z.string().min(1).max(8_192),
  hosts: z.array(Host).min(1).max(20),
});
/** The address of a database, which a Postgres node speaks to. */
const DatabaseCredential = z.strictObject({
  url: z
    .string()
    .max(2_048)
    .regex(/^postgres(ql)?:\/\/[^/@]+@[^/?]+/, 'postgres://user:password@host/database'),
});
/** While a secret is being changed there are two, and what is signed with either is taken. */
const SigningCredential = z.strictObject({ secrets: z.array(z.string().min(8).max(1_024)).min(1).max(2) });

/** Secrets that pipelines name: they can be set and removed, and their values are never answered. */
export const credentialRoutes = [
  route({
    method: 'get',
    path: '/api/credentials',
    auth: 'local',
    permission: 'read',
    scope: 'project',
    summary: 'List credentials by name, without their values',
    answer: listOf(z.strictObject({ id: Id, name: z.string(), createdAt: z.string() })),
    handle: async ({ services }) => ({ items: await services.database.catalog.credentials.list() }),
  }),
  route({
    method: 'put',
    path: '/api/credentials/:name',
    auth: 'local',
    permission: 'manage',
    scope: 'project',
    summary:
      'Store a credential: a header that an HTTP node sends, to these hosts alone, the secrets that sign the requests of a webhook, or the address of a database; an old value is replaced',
    params: z.strictObject({ name: Name }),
    body: z.union([HeaderCredential, SigningCredential, DatabaseCredential]),
    status: 204,
    answer: null,
    handle: async ({ params, body, services }) => {
      await services.database.catalog.credentials.set(params.name, body);
      return null;
    },
  }),
  route({
    method: 'delete',
    path: '/api/credentials/:name',
    auth: 'local',
    permission: 'manage',
    scope: 'project',
    summary: 'Remove a credential; steps that name it fail from then on',
    params: z.strictObject({ name: Name }),
    status: 204,
    answer: null,
    handle: async ({ params, services }) => {
      if (!(await services.database.catalog.credentials.remove(params.name))) throw notFound('credential');
      return null;
    },
  }),
];
