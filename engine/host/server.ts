/* The HTTP surface: a handful of routes on node:http. Every route but /health needs the key. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { ModelList, TokenizeAnswer } from './api.ts';
import { readChatRequest, readPrompt } from './chat-request.ts';
import { answerChat, sendJson } from './completion.ts';
import type { ModelThread } from './model-thread.ts';
import type { ModelCard } from './models.ts';
import { Refusal } from './refusal.ts';
import { checkKey, readJson } from './request-body.ts';
import type { System } from './system.ts';

/** Requests taken in at a time, running or waiting; beyond it clients are told to come back. */
const PENDING_LIMIT = 256;

/** What the server is made of. @property key the only one that opens it */
export type ServerParts = {
  readonly thread: ModelThread;
  readonly card: ModelCard;
  readonly key: string;
  readonly system: System;
};

type Exchange = { readonly request: IncomingMessage; readonly response: ServerResponse; readonly path: string };
type Route = {
  readonly method: 'GET' | 'POST';
  readonly path: RegExp;
  readonly public: boolean;
  readonly serve: (parts: ServerParts, exchange: Exchange) => Promise<void> | void;
};

const ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: /^\/health$/,
    public: true,
    serve: (parts, { response }) => sendJson(response, 200, { status: 'ok', model: parts.card.id }),
  },
  {
    method: 'GET',
    path: /^\/v1\/models$/,
    public: false,
    serve: (parts, { response }) => sendJson(response, 200, modelList(parts)),
  },
  { method: 'GET', path: /^\/v1\/models\/[^/]+$/, public: false, serve: serveModel },
  {
    method: 'GET',
    path: /^\/v1\/stats$/,
    public: false,
    serve: async (parts, { response }) => sendJson(response, 200, await parts.thread.stats()),
  },
  { method: 'POST', path: /^\/v1\/tokenize$/, public: false, serve: serveTokenize },
  { method: 'POST', path: /^\/v1\/chat\/completions$/, public: false, serve: serveChat },
];

/** A server that is not yet listening. Errors of one exchange never reach another. */
export function createEngineServer(parts: ServerParts): Server {
  const server = createServer((request, response) => {
    serve(parts, request, response).catch((error: unknown) => {
      const refusal =
        error instanceof Refusal ? error : new Refusal(500, 'internal_error', 'the request failed inside the engine');
      if (!request.complete) response.setHeader('connection', 'close'); // the rest of the body will not be read
      sendJson(response, refusal.status, refusal.toWire());
    });
  });
  server.headersTimeout = 10_000;
  server.requestTimeout = 60_000;
  server.keepAliveTimeout = 60_000; // clients reuse connections for every turn; a short limit races with their next request
  server.maxHeadersCount = 64;
  return server;
}

async function serve(parts: ServerParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  const here = ROUTES.filter((route) => route.path.test(path));
  const route = here.find(({ method }) => method === request.method);
  if (route?.public !== true) checkKey(request, parts.key);
  if (here.length === 0) throw new Refusal(404, 'not_found', `there is no ${path}`);
  if (route === undefined)
    throw new Refusal(405, 'method_not_allowed', `${path} takes ${here.map(({ method }) => method).join(', ')}`);
  await route.serve(parts, { request, response, path });
}

async function serveChat(parts: ServerParts, { request, response }: Exchange): Promise<void> {
  const body = await readJson(request);
  if (parts.thread.pending >= PENDING_LIMIT) {
    response.setHeader('retry-after', '1');
    throw new Refusal(429, 'rate_limit_exceeded', `${PENDING_LIMIT} requests are running or waiting`);
  }
  const job = readChatRequest(body, parts.card, parts.system.drawSeed);
  const head = { id: `chatcmpl-${parts.system.newId()}`, created: Math.floor(parts.system.now() / 1000) };
  await answerChat(job, { thread: parts.thread, card: parts.card, head }, response);
}

async function serveTokenize(parts: ServerParts, { request, response }: Exchange): Promise<void> {
  const tokens = readPrompt(await readJson(request), parts.card);
  const answer: TokenizeAnswer = { count: tokens.length, tokens };
  sendJson(response, 200, answer);
}

function serveModel(parts: ServerParts, { response, path }: Exchange): void {
  const id = decodeURIComponent(path.slice('/v1/models/'.length));
  const model = modelList(parts).data.find((one) => one.id === id);
  if (model === undefined) throw new Refusal(404, 'model_not_found', `the model ${id} does not exist`);
  sendJson(response, 200, model);
}

function modelList({ card }: ServerParts): ModelList {
  return {
    object: 'list',
    data: [{ id: card.id, object: 'model', created: 0, owned_by: 'switchyard', context_window: card.contextWindow }],
  };
}
