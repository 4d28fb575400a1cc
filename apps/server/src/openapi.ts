import { z } from 'zod';
import { type AnyRoute, route } from './http/route.ts';

const ErrorAnswer = z.looseObject({
  error: z.looseObject({
    code: z.string().describe('Stable, snake_case.'),
    message: z.string(),
    hint: z.string().optional(),
    problems: z.array(z.json()).optional(),
  }),
});

type JsonObject = Readonly<Record<string, unknown>>;

const schemaOf = (type: z.ZodType, io: 'input' | 'output'): JsonObject => {
  const { $schema: _dialect, contentType: _media, ...schema } = z.toJSONSchema(type, { io, unrepresentable: 'any' });
  return schema;
};

/** The OpenAPI 3.1 document of a route table. */
export function openApiOf(routes: readonly AnyRoute[], version: string): JsonObject {
  const paths: Record<string, Record<string, JsonObject>> = {};
  for (const one of routes) {
    const path = one.path.replace(/[:*](\w+)/g, '{$1}');
    const methods = one.method === 'all' ? ['get', 'post', 'put', 'patch', 'delete'] : [one.method];
    for (const method of methods) paths[path] = { ...paths[path], [method]: operationOf(one, method) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Switchyard', version, description: 'Pipelines, runs, hooks, model connections and live streams.' },
    components: {
      schemas: { Error: schemaOf(ErrorAnswer, 'output') },
      securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } },
    },
    paths,
  };
}

function operationOf(one: AnyRoute, method: string): JsonObject {
  const takesBody = method !== 'get' && method !== 'delete';
  const json = one.body && takesBody ? { 'application/json': { schema: schemaOf(one.body, 'input') } } : null;
  const raw = (one.rawBody !== undefined || one.readsItself === true) && takesBody ? { '*/*': { schema: {} } } : null;
  const content = json ?? raw;
  return {
    summary: one.summary,
    operationId: `${method} ${one.path}`.replace(/[^a-z0-9]+/gi, '_').replace(/_$/, ''),
    'x-permission': one.permission,
    'x-scope': one.scope,
    ...(one.auth === 'key' ? { security: [{ apiKey: [] }] } : {}),
    parameters: [...parametersOf(one.params, 'path'), ...parametersOf(one.query, 'query')],
    ...(content === null ? {} : { requestBody: { content } }),
    responses: { [String(one.status ?? 200)]: answerOf(one), default: errorAnswer },
  };
}

const errorAnswer = {
  description: 'A refusal or failure.',
  content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
};

function answerOf({ answer, summary }: AnyRoute): JsonObject {
  if (answer === null) return { description: 'Done.' };
  const media = answer.meta()?.contentType;
  const type = typeof media === 'string' ? media : 'application/json';
  return { description: summary, content: { [type]: { schema: schemaOf(answer, 'output') } } };
}

function parametersOf(schema: z.ZodType | undefined, place: 'path' | 'query'): readonly JsonObject[] {
  if (!(schema instanceof z.ZodObject)) return [];
  return Object.entries<unknown>(schema.shape).flatMap(([name, type]) => {
    if (!(type instanceof z.ZodType)) return [];
    const required = place === 'path' || !type.safeParse(undefined).success;
    return [{ name, in: place, required, schema: schemaOf(type, 'input') }];
  });
}

/** `GET /api/openapi.json` of the table it stands in. */
export const openApiRoute = (routes: () => readonly AnyRoute[]): AnyRoute =>
  route({
    method: 'get',
    path: '/api/openapi.json',
    auth: 'local',
    permission: 'read',
    scope: 'installation',
    summary: 'This document: OpenAPI 3.1, made from the route table',
    answer: z.looseObject({ openapi: z.literal('3.1.0') }),
    handle: ({ services }) => openApiOf(routes(), services.version),
  });
