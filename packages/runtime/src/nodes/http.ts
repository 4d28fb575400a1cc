import { Json } from '@switchyard/pipeline';
import { z } from 'zod';
import type { NodeContext, NodeOutcome } from '../contract.ts';
import { RetryableError, type StepError, TerminalError, WorkerLostError } from '../errors.ts';
import type { OutboundResponse } from '../outbound/index.ts';
import { mayHaveHappened } from './once.ts';

const Config = z.object({
  method: z.string(),
  url: z.string(),
  headers: z.record(z.string(), z.string()),
  body: Json.optional(),
  credential: z.string().optional(),
  timeoutSeconds: z.number(),
  failOnStatus: z.boolean(),
});

/** Methods whose repeat leaves the world as one request does (RFC 9110, 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']);
const SHOWN_BODY = 2_000;

/** Sends one request. `http_status` when the answer is 4xx or 5xx and the node says that is a failure. */
export async function runHttp(context: NodeContext): Promise<NodeOutcome> {
  const config = Config.parse(context.config);
  await refuseSilentRepeat(context, config.method);
  const body = bodyOf(config.body);
  const response = await context.ports.http.send({
    method: config.method,
    url: config.url,
    headers: {
      ...(body?.json ? { 'content-type': 'application/json' } : {}),
      ...lowerNames(config.headers),
      ...(await secretHeader(context, config)),
    },
    ...(body === null ? {} : { body: body.text }),
    timeoutMs: config.timeoutSeconds * 1_000,
    signal: context.signal,
  });
  if (config.failOnStatus && response.status >= 400) throw statusError(response);
  return {
    output: { status: response.status, headers: { ...response.headers }, body: bodyValue(response) },
    ports: ['out'],
  };
}

/** A stored credential: one header, for these hosts alone. */
const Credential = z.object({ header: z.string(), value: z.string(), hosts: z.array(z.string()) });

/** The credential's header, opened here and nowhere else. `unknown_credential`, `credential_host` (never retried). */
export async function secretHeader(
  { ports }: NodeContext,
  { credential, url }: { readonly credential?: string | undefined; readonly url: string },
): Promise<Record<string, string>> {
  if (credential === undefined) return {};
  const stored = Credential.safeParse(await ports.credentials.get(credential));
  if (!stored.success)
    throw new TerminalError('unknown_credential', `There is no credential "${credential}".`, {
      hint: 'Store it under Settings, or correct the name in the node.',
    });
  const { header, value, hosts } = stored.data;
  const { host } = new URL(url);
  if (!hosts.includes(host))
    throw new TerminalError('credential_host', `The credential "${credential}" is not for ${host}.`, {
      hint: `It is bound to ${hosts.join(', ')}.`,
    });
  return { [header.toLowerCase()]: value };
}

/** A worker was lost with the request in hand: whether it arrived is not known, so only what may be repeated is. `outcome_unknown`. */
export async function refuseSilentRepeat(context: NodeContext, method: string): Promise<void> {
  if (IDEMPOTENT.has(method) || !(await mayHaveHappened(context))) return;
  throw new WorkerLostError(
    'outcome_unknown',
    `The worker was lost while it sent this ${method} request; it may have arrived.`,
    {
      hint: 'Look at the other side, then run again. Connect the error port to decide it in the pipeline.',
    },
  );
}

function bodyOf(body: Json | undefined): { readonly text: string; readonly json: boolean } | null {
  if (body === undefined || body === null) return null;
  return typeof body === 'string' ? { text: body, json: false } : { text: JSON.stringify(body), json: true };
}

const lowerNames = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

function bodyValue(response: OutboundResponse): Json {
  const text = response.text();
  if (!/^application\/(.+\+)?json\b/i.test(response.headers['content-type'] ?? '')) return text;
  try {
    return Json.parse(JSON.parse(text));
  } catch {
    return text; // It says JSON and is not: the caller sees what came.
  }
}

/** What a status of 400 or more means: `http_status`, retryable where it may pass. */
export function statusError(response: OutboundResponse): StepError {
  const told = { details: { status: response.status, body: response.text().slice(0, SHOWN_BODY) } };
  const message = `The server answered ${response.status}.`;
  const passing = response.status >= 500 || [408, 425, 429].includes(response.status);
  return passing ? new RetryableError('http_status', message, told) : new TerminalError('http_status', message, told);
}
