import { type NewDelivery, uuidV7 } from '@switchyard/journal';
import type { Graph, Json } from '@switchyard/pipeline';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { ApiError, toApiError } from '../http/api-error.ts';
import type { Services } from '../services.ts';
import { graphOf } from '../start-run.ts';
import { answerAmong, awaitAnswer, type HookAnswer, type Said, saidBy } from './answer.ts';
import { answerOptions, shareAnswer } from './cross-origin.ts';
import { deliveryKey } from './delivery-key.ts';
import type { Hook } from './hook-book.ts';
import { hookInput, keptHeaders, type RawRequest } from './hook-input.ts';
import { readBody } from './read-body.ts';
import { streamAnswer } from './stream-answer.ts';
import { verifySender } from './verify.ts';

/*
 * A request at `/hooks/:token`: read, verified on its raw bytes, held to the limits of its webhook, parsed, written to the journal, and only then
 * answered 2xx. Whatever comes before the journal's yes leaves nothing behind but a line in the list of deliveries.
 */

/** Says which run a request started. */
export const RUN_HEADER = 'X-Switchyard-Run';

/** A pipeline published again in the moment of a request is loaded anew this often. */
const RELOADS = 5;
/** After so long without the database's yes the caller is asked to try again; the same delivery starts no second run. */
const PATIENCE_MS = 10_000;
/** Bodies of refused requests up to this size are kept, to be replayed. */
const KEPT_BYTES = 256 * 1024;

/** HEAD and OPTIONS start nothing. The same delivery starts one run and gets the same answer. */
export async function receiveHook(request: Request, response: Response, services: Services): Promise<void> {
  const token = String(request.params.token);
  const hook = await inTime(services.hooks.book.find(token), services);
  if (request.method === 'OPTIONS') return answerOptions(request, response, hook.config);
  shareAnswer(request, response, hook.config.allowOrigins);
  if (request.method === 'HEAD') return void response.status(200).end();
  let raw: Buffer = Buffer.alloc(0);
  try {
    raw = await readBody(request, response, hook.config.maxBytes);
    const received = { method: request.method, target: targetOf(request), headers: request.headers, raw };
    const accepted = await inTime(accept(token, received, services), services);
    response.set(RUN_HEADER, accepted.runId);
    note({ hook: accepted.hook, received, accepted }, services);
    await answer(accepted, { response, token, services });
  } catch (error) {
    const received = { method: request.method, target: targetOf(request), headers: request.headers, raw };
    noteRefusal(hook, received, { error, services });
    if (error instanceof ApiError && error.status === 429)
      response.set('Retry-After', String(error.extras.retryAfterSeconds ?? 1));
    if (error instanceof ApiError && error.status === 405) response.set('Allow', hook.config.methods.join(', '));
    throw error;
  }
}

const targetOf = (request: Request): string => {
  const at = request.url.indexOf('?');
  return at < 0 ? '' : request.url.slice(at);
};

/** A request whose run stands in the journal. */
export type Accepted = {
  readonly hook: Hook;
  readonly runId: string;
  /** False: an earlier delivery of the same name had begun it. */
  readonly fresh: boolean;
  /** What is known of its end already. */
  readonly answer: HookAnswer | null;
};

/** Throws 401, 405, 413, 429, 400 by what is wrong with the request, 503 when the database does not answer. */
async function accept(token: string, received: RawRequest, services: Services): Promise<Accepted> {
  const { book } = services.hooks;
  for (let i = 0; i < RELOADS; i++) {
    const hook = await book.find(token);
    try {
      const accepted = await acceptAs(hook, received, services);
      if (accepted !== null) return accepted;
      book.forget(token); // published anew meanwhile
    } catch (error) {
      // refused by a page that may be a second old: the one of now decides
      if (!book.forget(token) || (await book.find(token)).revision.id === hook.revision.id) throw error;
    }
  }
  throw new ApiError(503, 'stale_revision', 'The pipeline is being published.', { hint: 'Send the request again.' });
}

async function acceptAs(hook: Hook, received: RawRequest, services: Services): Promise<Accepted | null> {
  const { config, row } = hook;
  if (!config.methods.some((method) => method === received.method))
    throw new ApiError(405, 'method_not_allowed', `This address does not take ${received.method}.`);
  if (config.verify !== 'public') {
    const secrets = await secretsOf(config.credential, services);
    verifySender(config, received, { secrets, nowMs: services.clock.now() });
  }
  await holdToLimits(hook, services);
  const { input, blobs } = await hookInput(received);
  const dedupKey = deliveryKey(config, row.node, received);
  return startFrom(hook, { input: { ...input, files: [...input.files] }, blobs, dedupKey }, services);
}

const Signing = z.looseObject({ secrets: z.array(z.string().min(1)).min(1) });

/** The signing secrets that a credential holds; none when there is no such credential or it holds none. */
async function secretsOf(name: string | undefined, { database }: Services): Promise<readonly string[]> {
  if (name === undefined) return [];
  const stored = Signing.safeParse(await database.catalog.credentials.get(name));
  return stored.success ? stored.data.secrets : [];
}

const tooMany = (message: string, seconds: number): ApiError =>
  new ApiError(429, 'too_many_requests', message, { retryAfterSeconds: Math.max(1, Math.ceil(seconds)) });

async function holdToLimits({ config, row }: Hook, { database }: Services): Promise<void> {
  const { rateMax, rateSeconds, concurrency } = config;
  if (rateMax === undefined && concurrency === undefined) return;
  const rate = rateMax === undefined ? null : { max: rateMax, perSeconds: rateSeconds };
  const seconds = await database.catalog.webhooks.take({ id: row.id, rate, living: concurrency ?? null });
  if (seconds !== null) throw tooMany('This address has been called as often as it may for now.', seconds);
}

type Order = Pick<Parameters<Services['starter']['request']>[0], 'blobs' | 'dedupKey'> & { readonly input: Json };

/** Starts the run, or finds the one of an earlier delivery; null when the revision is not the published one any more. */
export async function startFrom(hook: Hook, order: Order, services: Services): Promise<Accepted | null> {
  const { revision, row } = hook;
  const { starter, database } = services;
  const request = starter.request({
    ...order,
    revision,
    trigger: { node: row.node, kind: 'webhook' },
    mustBePublished: true,
  });
  const answer = await database.journal.startRun(request);
  if (answer.outcome === 'stale_revision') return null;
  if (answer.outcome === 'full') throw tooMany('The pipeline has as many runs in line as it takes.', 5);
  const { runId } = answer;
  if (runId !== request.runId) return { hook, runId, fresh: false, answer: null };
  const known = answerAmong(request.events, { graph: graphOf(revision), mode: hook.config.mode });
  return { hook, runId, fresh: true, answer: known };
}

const unavailable = (): ApiError =>
  new ApiError(503, 'database_unavailable', 'The database does not answer.', {
    hint: 'Send the request again; give it an Idempotency-Key, so that it starts one run.',
  });

function inTime<Value>(work: Promise<Value>, { clock }: Services): Promise<Value> {
  return new Promise((resolve, reject) => {
    const cancel = clock.later(PATIENCE_MS, () => reject(unavailable()));
    work.then(resolve, reject).finally(cancel);
  });
}

type Reply = { readonly response: Response; readonly token: string; readonly services: Services };

/** Where the state and the answer of a run can be fetched, also after this server is gone. */
export const statusUrl = (token: string, runId: string, { baseUrl }: Services): string =>
  `${baseUrl}/hooks/${token}/runs/${runId}`;

async function answer(accepted: Accepted, { response, token, services }: Reply): Promise<void> {
  const { hook, runId } = accepted;
  const { mode } = hook.config;
  const status = statusUrl(token, runId, services);
  const later = (): void => void response.status(202).set('Location', status).json({ runId, status });
  if (mode === 'at_once') return later();
  const graph = graphOf(accepted.fresh ? hook.revision : await revisionOf(runId, hook, services));
  if (mode === 'stream') return streamAnswer({ runId, status, graph, mode }, response, services);
  const known = accepted.answer ?? (await waitFor(accepted, { graph, response, services }));
  const said = await saidBy(known, runId, services.database);
  if (response.destroyed || response.writableEnded) return;
  if (said === null) return later();
  send(said, response);
}

/** Waits in the journal, until the deadline, or until the caller leaves or this server stops. */
async function waitFor(
  { hook, runId }: Accepted,
  { graph, response, services }: Omit<Reply, 'token'> & { readonly graph: Graph },
): Promise<HookAnswer> {
  const left = new AbortController();
  response.on('close', () => left.abort());
  const gone = AbortSignal.any([left.signal, services.stopping]);
  const { mode, deadlineSeconds } = hook.config;
  return awaitAnswer(
    { runId, graph, mode, deadlineMs: deadlineSeconds * 1000, gone },
    services.database,
    services.clock,
  );
}

/** The revision of the run of an earlier delivery, which may not be the one of now. */
async function revisionOf(runId: string, hook: Hook, { database }: Services): Promise<Hook['revision']> {
  const run = await database.catalog.runs.get(runId);
  return (run && (await database.catalog.revisions.get(run.revisionId))) ?? hook.revision;
}

/** Headers a pipeline may not set on this origin. */
const REFUSED = new Set(['set-cookie', 'content-length', 'transfer-encoding', 'connection', 'content-security-policy']);

function setHeader(response: Response, name: string, value: string): void {
  if (REFUSED.has(name.toLowerCase())) return;
  try {
    response.set(name, value);
  } catch {
    throw new ApiError(
      502,
      'invalid_response_header',
      `The Respond step set the header "${name.slice(0, 80)}" to what HTTP does not allow.`,
    );
  }
}

/** Sends what a run said: text as text, anything else as JSON. Never as a page of this origin. */
function send({ status, headers, body }: Said, response: Response): void {
  for (const [name, value] of Object.entries(headers)) setHeader(response, name, value);
  response.set('Content-Security-Policy', 'sandbox');
  response.status(status);
  if (typeof body !== 'string') return void response.json(body);
  if (!response.get('content-type')) response.type('text/plain');
  response.send(body);
}

type Noted = { readonly hook: Hook; readonly received: RawRequest; readonly accepted: Accepted };

function note({ hook, received, accepted }: Noted, { hooks, clock }: Services): void {
  const outcome = accepted.fresh ? 'started' : 'repeated';
  hooks.log.note({ ...noted(hook, received, clock.now()), outcome, status: 202, runId: accepted.runId });
}

const noted = (hook: Hook, { method, target, headers, raw }: RawRequest, now: number): NewDelivery => ({
  id: uuidV7(now),
  webhookId: hook.row.id,
  runId: null,
  at: new Date(now).toISOString(),
  outcome: 'refused',
  status: 500,
  code: null,
  method,
  target: target.slice(0, 2_000),
  headers: keptHeaders(headers),
  bodyBytes: raw.length,
  body: null,
});

function noteRefusal(
  hook: Hook,
  received: RawRequest,
  { error, services }: { readonly error: unknown; readonly services: Services },
): void {
  const known = toApiError(error);
  if (known?.status === 502) return; // it was accepted, and the answer of its run is no refusal
  services.hooks.log.note({
    ...noted(hook, received, services.clock.now()),
    status: known?.status ?? 500,
    code: known?.code ?? 'internal',
    body: received.raw.length <= KEPT_BYTES ? received.raw : null,
  });
}
