import { Json } from '@switchyard/pipeline';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { loadValue } from '../hooks/answer.ts';
import { ApiError } from '../http/api-error.ts';
import { parseForeignJson } from '../http/json-body.ts';
import { type Call, route } from '../http/route.ts';
import type { Services } from '../services.ts';
import { decide, notWaiting, resumeWith, waitAt } from './answer.ts';
import type { LinkKind, WaitName } from './links.ts';
import { messagePage, questionPage, resumePage } from './pages.ts';

/*
 * Links that people get by mail or chat. GET and HEAD only look, for mail scanners and chat previews follow every link;
 * only POST answers, once. Who asks for HTML gets pages, all others JSON.
 */

const Token = z.strictObject({ token: z.string().max(2_000) });
const MOST_BYTES = 1024 * 1024;
const Done = z.strictObject({ outcome: z.enum(['decided', 'resumed', 'waiting']) });

const wantsHtml = (request: Request): boolean => request.accepts(['json', 'html']) === 'html';

function sendPage(response: Response, status: number, html: string): void {
  response.status(status).set('Cache-Control', 'no-store').type('html').send(html);
}

function named(services: Services, kind: LinkKind, token: string): WaitName {
  const name = services.links.read(kind, token);
  if (name !== null) return name;
  throw new ApiError(404, 'unknown_link', 'This link is not one of this installation.', {
    hint: 'It may have been cut when it was copied.',
  });
}

type LinkCall = Call<z.infer<typeof Token>, unknown, unknown>;

/** Answers `work`, or its refusal as a page where a person looks at it. */
async function answerLink(call: LinkCall, work: () => Promise<Json | undefined>): Promise<Json | undefined> {
  const { request, response } = call;
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ApiError) || !wantsHtml(request)) throw error;
    sendPage(response, error.status, messagePage(error.message, error.extras.hint ?? ''));
    return undefined;
  }
}

async function showApproval({ request, response, services, params }: LinkCall): Promise<Json | undefined> {
  const wait = await waitAt(services, named(services, 'approvals', params.token), 'approval');
  if (wait === null) throw notWaiting();
  if (!wantsHtml(request)) return { outcome: 'waiting' };
  const subject = await loadValue(wait.subject, services.database);
  const { instructions, until } = wait;
  sendPage(response, 200, questionPage({ pipeline: wait.pipelineName, subject, instructions, until }));
  return undefined;
}

const Decision = z.union([
  z.object({ approved: z.boolean(), comment: z.string().max(2_000).optional() }),
  z
    .object({ decision: z.enum(['approve', 'reject']), comment: z.string().max(2_000).optional() })
    .transform(({ decision, comment }) => ({ approved: decision === 'approve', comment })),
]);

async function decideByLink({ request, response, services, params }: LinkCall): Promise<Json | undefined> {
  const name = named(services, 'approvals', params.token);
  const { approved, comment } = Decision.parse(sentValue(request));
  await decide(services, name, { approved, comment, by: 'link' });
  if (!wantsHtml(request)) return { outcome: 'decided' };
  sendPage(response, 200, messagePage(approved ? 'Approved' : 'Rejected', 'Thank you. You can close this page.'));
  return undefined;
}

async function showResume({ request, response, services, params }: LinkCall): Promise<Json | undefined> {
  const wait = await waitAt(services, named(services, 'resume', params.token), 'webhook');
  if (wait === null) throw notWaiting();
  if (!wantsHtml(request)) return { outcome: 'waiting' };
  sendPage(response, 200, resumePage(wait.pipelineName));
  return undefined;
}

async function resumeByLink({ request, response, services, params }: LinkCall): Promise<Json | undefined> {
  await resumeWith(services, named(services, 'resume', params.token), sentValue(request));
  if (!wantsHtml(request)) return { outcome: 'resumed' };
  sendPage(response, 200, messagePage('The run goes on', 'You can close this page.'));
  return undefined;
}

/** The body by its own content type: JSON, a form, or text. */
function sentValue(request: Request): Json {
  const raw: unknown = request.body;
  const text = Buffer.isBuffer(raw) ? raw.toString('utf8') : '';
  if (text === '') return null;
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === 'application/x-www-form-urlencoded') return Object.fromEntries(new URLSearchParams(text));
  return type === 'application/json' || type.endsWith('+json') ? Json.parse(parseForeignJson(text)) : text;
}

const shown = { auth: 'token', permission: 'run', scope: 'project', params: Token, answer: Done } as const;

/** Where people outside answer a waiting step. */
export const linkRoutes = [
  route({
    ...shown,
    method: 'get',
    path: '/approvals/:token',
    summary: 'The page of an approval: shows what is to be decided and decides nothing; HEAD likewise',
    handle: (call) => answerLink(call, () => showApproval(call)),
  }),
  route({
    ...shown,
    method: 'post',
    path: '/approvals/:token',
    rawBody: MOST_BYTES,
    summary:
      'Decide an approval, once: decision=approve|reject as a form, or {approved, comment} as JSON; 409 after that',
    handle: (call) => answerLink(call, () => decideByLink(call)),
  }),
  route({
    ...shown,
    method: 'get',
    path: '/resume/:token',
    summary: 'The page of a step that waits to be called; looking at it does nothing; HEAD likewise',
    handle: (call) => answerLink(call, () => showResume(call)),
  }),
  route({
    ...shown,
    method: 'post',
    path: '/resume/:token',
    rawBody: MOST_BYTES,
    summary: 'Let a waiting step go on with the body as its output, once; 409 after that',
    handle: (call) => answerLink(call, () => resumeByLink(call)),
  }),
];
