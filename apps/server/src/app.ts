import express, { type Express, type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { editorFiles } from './editor-files.ts';
import { ApiError, toApiError } from './http/api-error.ts';
import { type Addresses, allowedHosts, guardHost, safeHeaders } from './http/guard.ts';
import { parseForeignJson } from './http/json-body.ts';
import type { AnyRoute } from './http/route.ts';
import { checkKey } from './models/forward.ts';
import { checkTable } from './route-table.ts';
import type { Services } from './services.ts';

const JSON_BYTES = 1024 * 1024;

/** What a server is made of. `editor` is the folder of the built editor; it need not exist. */
export type AppParts = {
  readonly routes: readonly AnyRoute[];
  readonly services: Services;
  readonly addresses: Addresses;
  readonly editor: string;
  /** A new id for each request, told in X-Request-Id and in the log. */
  readonly requestId: () => string;
};

/** The whole server as one request handler. Throws when the route table has a fault, so nothing half guarded ever listens. */
export function createApp({ routes, services, addresses, editor, requestId }: AppParts): Express {
  checkTable(routes);
  const app = express();
  app.disable('x-powered-by');
  app.set('query parser', 'simple');
  app.enable('case sensitive routing');
  app.enable('strict routing');
  app.use((_request, response, next) => {
    response.set('X-Request-Id', requestId());
    next();
  }, safeHeaders);
  const hosts = allowedHosts(addresses);
  const guard = guardHost(hosts);
  const demoGuard = guardHost(new Set([...hosts, ...addresses.demoHosts]));
  for (const one of routes) {
    const guards = one.auth === 'token' ? [] : [one.path.startsWith('/demo/') ? demoGuard : guard];
    app[one.method](one.path, ...guards, ...doorOf(one, services), (request, response) =>
      answer(one, { request, response, services }),
    );
  }
  app.use(guard);
  app.use(['/api', '/hooks', '/approvals', '/resume', '/v1', '/demo', '/health'], (request) => {
    throw new ApiError(
      404,
      'unknown_route',
      `There is nothing at ${request.method} ${request.baseUrl}${request.path}.`,
      {
        hint: 'GET /api/openapi.json lists what there is.',
      },
    );
  });
  app.use(...editorFiles(editor));
  app.use(errorAnswer(services));
  return app;
}

/** What stands before a handler besides the guard of hosts: the key, then the body, read up to its limit. */
function doorOf(one: AnyRoute, services: Services): RequestHandler[] {
  const door: RequestHandler[] = [];
  if (one.auth === 'key') door.push((request, _response, next) => checkKey(request, services).then(() => next(), next));
  if (one.rawBody !== undefined) door.push(express.raw({ type: () => true, limit: one.rawBody }));
  if (one.body !== undefined) door.push(express.raw({ type: () => true, limit: JSON_BYTES }), jsonOnly);
  return door;
}

/** Only JSON, said to be JSON: a form that a foreign page sends is refused before anything reads it. */
function jsonOnly(request: Request, _response: Response, next: NextFunction): void {
  const raw: unknown = request.body;
  const bytes = Buffer.isBuffer(raw) ? raw : Buffer.alloc(0);
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (bytes.length > 0 && type !== 'application/json' && !type.endsWith('+json'))
    throw new ApiError(415, 'json_expected', 'The body must be JSON.', {
      hint: 'Send content-type: application/json.',
    });
  request.body = bytes.length === 0 ? undefined : parseForeignJson(bytes.toString('utf8'));
  next();
}

type Asked = { readonly request: Request; readonly response: Response; readonly services: Services };

async function answer(one: AnyRoute, { request, response, services }: Asked): Promise<void> {
  const result = await one.handle({
    params: one.params?.parse({ ...request.params }),
    query: one.query?.parse({ ...request.query }),
    body: one.body?.parse(request.body),
    request,
    response,
    services,
  });
  if (result === undefined) return;
  if (!response.get('cache-control')) response.set('Cache-Control', 'no-store');
  response.status(one.status ?? 200);
  if (result === null) response.end();
  else response.json(result);
}

/** The one place that answers errors. Bugs are told to the operator with the request's id, and to the caller by it alone. */
function errorAnswer({ warn }: Services) {
  return (error: unknown, request: Request, response: Response, _next: NextFunction): void => {
    const known = toApiError(error);
    const id = String(response.get('X-Request-Id'));
    if (known === null)
      warn(`${id} ${request.method} ${request.path}: ${error instanceof Error ? error.stack : String(error)}`);
    if (response.headersSent) return void response.destroy();
    const told =
      known ??
      new ApiError(500, 'internal', 'Something went wrong here.', { hint: `The server’s log has more, under ${id}.` });
    if ((told.status === 503 || told.status === 429) && !response.get('retry-after')) response.set('Retry-After', '1');
    response.status(told.status).json(told);
  };
}
