import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { ConnectionRow, OpenConnection } from '@switchyard/journal';
import type { Request, Response } from 'express';
import { ApiError } from '../http/api-error.ts';
import { parseForeignJson } from '../http/json-body.ts';
import type { Services } from '../services.ts';

/*
 * `/v1/*`: one base URL and one key for every client of the OpenAI protocol. The request goes to the connection whose
 * name or model id it names, else to the default one; bytes pass both ways as they come, and a client that leaves ends
 * the request there too. Errors carry the protocol's `type` besides our code.
 */

const FORWARDED = ['content-type', 'cache-control', 'retry-after', 'x-request-id'];

/** Refuses requests without a valid API key: 401 `invalid_api_key`. */
export async function checkKey(request: Request, services: Services): Promise<void> {
  const key = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
  if (key !== '' && (await services.database.catalog.apiKeys.verify(key)) !== null) return;
  throw new ApiError(
    401,
    'invalid_api_key',
    key === '' ? 'Send an API key: Authorization: Bearer …' : 'This API key is not valid.',
    { type: 'authentication_error', hint: 'Keys are made under Settings, API keys.' },
  );
}

/** `GET /v1/models`: the models of all connections, each once. */
export async function listModels(services: Services): Promise<{ object: 'list'; data: readonly object[] }> {
  const rows = await services.database.catalog.connections.list();
  const once = rows.filter((row, i) => rows.findIndex((other) => other.model === row.model) === i);
  return { object: 'list', data: once.map(shownModel) };
}

const shownModel = (row: ConnectionRow): object => ({
  id: row.model,
  object: 'model',
  created: Math.floor(Date.parse(row.createdAt) / 1000),
  owned_by: row.name,
});

/** Passes a request on to the model it names. The answer streams; 502 `model_unreachable` when there is none. */
export async function forward(request: Request, response: Response, services: Services): Promise<void> {
  const raw = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const asked = raw.length === 0 ? null : parseForeignJson(raw.toString('utf8'));
  const connection = await chosenConnection(services, modelIn(asked));
  const body = raw.length === 0 ? null : addressed(raw, asked, connection);
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const answer = await reach(connection, { request, body, signal: gone.signal, services });
  response.status(answer.statusCode ?? 502);
  for (const name of FORWARDED) {
    const value = answer.headers[name];
    if (value !== undefined) response.set(name, value);
  }
  response.flushHeaders();
  await pipeline(answer, response).catch((error: unknown) => {
    // the head is sent, so a broken answer can only be cut off; the client sees that it is incomplete
    if (!gone.signal.aborted) services.warn(`/v1: ${connection.name} broke off: ${String(error)}`);
  });
}

function modelIn(body: unknown): string | null {
  if (body === null || typeof body !== 'object' || !('model' in body)) return null;
  return typeof body.model === 'string' ? body.model : null;
}

/** Models called by their connection's name, or not at all, are asked for by the id their server knows. */
function addressed(raw: Buffer, body: unknown, connection: OpenConnection): Buffer {
  const model = modelIn(body);
  if (body === null || typeof body !== 'object' || (model !== null && model !== connection.name && model !== 'default'))
    return raw;
  return model === connection.model ? raw : Buffer.from(JSON.stringify({ ...body, model: connection.model }));
}

async function chosenConnection(services: Services, model: string | null): Promise<OpenConnection> {
  const { connections } = services.database.catalog;
  const rows = await connections.list();
  const named = rows.find((row) => row.name === model) ?? rows.find((row) => row.model === model);
  const found = named ? await connections.get(named.id) : await connections.default();
  if (found !== null) return found;
  throw new ApiError(404, 'model_not_found', 'There is no model connection.', {
    type: 'invalid_request_error',
    hint: 'Add one under Settings, Models.',
  });
}

type Passed = {
  readonly request: Request;
  readonly body: Buffer | null;
  readonly signal: AbortSignal;
  readonly services: Services;
};

async function reach(
  connection: OpenConnection,
  { request, body, signal, services }: Passed,
): Promise<IncomingMessage> {
  const type = request.headers['content-type'];
  const headers = {
    accept: request.headers.accept ?? '*/*',
    ...(type === undefined ? {} : { 'content-type': type }),
    ...(connection.apiKey === null ? {} : { authorization: `Bearer ${connection.apiKey}` }),
  };
  const url = connection.baseUrl.replace(/\/+$/, '') + request.url.replace(/^\/v1/, '');
  try {
    return await services.callModel({ url, method: request.method, headers, body, signal });
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new ApiError(
      502,
      'model_unreachable',
      `The model connection "${connection.name}" does not answer: ${cause}`,
      {
        type: 'server_error',
        hint: 'Is its server running? Test the connection under Settings, Models.',
      },
    );
  }
}
