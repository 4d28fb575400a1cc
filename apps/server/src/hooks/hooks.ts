import type { RevisionRow, WebhookRow } from '@switchyard/journal';
import { Json } from '@switchyard/pipeline';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { ApiError, queueFull } from '../http/api-error.ts';
import { dedupKey } from '../http/dedup-key.ts';
import type { Services } from '../services.ts';
import { graphOf } from '../start-run.ts';
import { awaitAnswer, type HookAnswer, loadValue } from './answer.ts';
import { hookInput } from './hook-body.ts';

/** Says which run a request started. */
export const RUN_HEADER = 'X-Switchyard-Run';

/** A pipeline published again in the moment of a request is loaded anew this often. */
const RELOADS = 5;

/**
 * `/hooks/:token`: a request that is answered 2xx stands in the journal. HEAD and OPTIONS start nothing. The same
 * Idempotency-Key (or webhook-id) starts one run.
 */
export async function receiveHook(request: Request, response: Response, services: Services): Promise<void> {
  const token = String(request.params.token);
  const hook = await hookOf(services, token);
  if (request.method === 'OPTIONS')
    return void response.set('Allow', 'GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS').status(204).end();
  if (request.method === 'HEAD') return void response.status(200).end();
  const input = hookInput(request, Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0));
  const { runId, revision } = await startFrom(hook, { token, input, key: hookKey(hook, request), services });
  response.set(RUN_HEADER, runId);
  if (hook.mode === 'at_once') return accepted(response, runId, services);
  const left = new AbortController();
  response.on('close', () => left.abort());
  const gone = AbortSignal.any([left.signal, services.stopping]);
  const waiting = {
    runId,
    graph: graphOf(revision),
    mode: hook.mode === 'respond' ? ('respond' as const) : ('last_step' as const),
    deadlineMs: hook.deadlineSeconds * 1000,
    gone,
  };
  await send(await awaitAnswer(waiting, services.database, services.clock), { response, runId, services });
}

/** Two hooks of one pipeline may get the same name from their callers. */
function hookKey(hook: WebhookRow, request: Request): string | null {
  const key = dedupKey(request);
  return key === null ? null : `hook:${hook.node}:${key}`;
}

async function hookOf(services: Services, token: string): Promise<WebhookRow> {
  const hook = await services.database.catalog.webhooks.byToken(token);
  if (hook === null)
    throw new ApiError(404, 'unknown_hook', 'No published pipeline listens here.', {
      hint: 'Publish the pipeline, and compare the address with the one its webhook node shows.',
    });
  return hook;
}

type HookOrder = {
  readonly token: string;
  readonly input: ReturnType<typeof hookInput>;
  readonly key: string | null;
  readonly services: Services;
};

async function startFrom(
  hook: WebhookRow,
  { token, input, key, services }: HookOrder,
): Promise<{ readonly runId: string; readonly revision: RevisionRow }> {
  let current = hook;
  for (let i = 0; i < RELOADS; i++) {
    const revision = await services.database.catalog.revisions.get(current.revisionId);
    if (revision === null) break;
    const answer = await services.starter.start({
      revision,
      trigger: { node: current.node, kind: 'webhook' },
      input,
      dedupKey: key,
      mustBePublished: true,
    });
    if (answer.outcome === 'full') throw queueFull();
    if (answer.outcome !== 'stale_revision') return { runId: answer.runId, revision };
    current = await hookOf(services, token);
  }
  throw new ApiError(503, 'stale_revision', 'The pipeline is being published.', { hint: 'Send the request again.' });
}

function accepted(response: Response, runId: string, services: Services): void {
  response.status(202).json({ runId, status: `${services.baseUrl}/api/runs/${runId}` });
}

async function send(
  answer: HookAnswer,
  { response, runId, services }: { readonly response: Response; readonly runId: string; readonly services: Services },
): Promise<void> {
  if (response.destroyed || response.writableEnded) return;
  switch (answer.kind) {
    case 'late':
      return accepted(response, runId, services);
    case 'respond':
      return respond(response, await loadValue(answer.output, services.database));
    case 'succeeded':
      return void response.status(200).json(await loadValue(answer.output, services.database));
    case 'cancelled':
      throw new ApiError(502, 'run_cancelled', 'The run was cancelled before it answered.', { runId });
    case 'failed':
      throw new ApiError(502, answer.failure.code, answer.failure.message, {
        runId,
        ...(answer.failure.hint ? { hint: answer.failure.hint } : {}),
      });
  }
}

/** Headers a pipeline may not set on this origin. */
const REFUSED = new Set(['set-cookie', 'content-length', 'transfer-encoding', 'connection', 'content-security-policy']);

const Said = z.object({ status: z.number(), headers: z.record(z.string(), z.string()), body: Json });

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

/** Sends what a respond node said: text as text, anything else as JSON. Never as a page of this origin. */
function respond(response: Response, output: Json): void {
  const { status, headers, body } = Said.parse(output);
  for (const [name, value] of Object.entries(headers)) setHeader(response, name, value);
  response.set('Content-Security-Policy', 'sandbox');
  response.status(status);
  if (typeof body !== 'string') return void response.json(body);
  if (!response.get('content-type')) response.type('text/plain');
  response.send(body);
}
