import { type Json, type PipelineDocument, parseDocument, validate } from '@switchyard/pipeline';
import type { Request } from 'express';
import { z } from 'zod';
import { ApiError, notFound, queueFull } from '../http/api-error.ts';
import { dedupKey } from '../http/dedup-key.ts';
import { route } from '../http/route.ts';
import type { Services } from '../services.ts';
import {
  ById,
  DraftShown,
  Id,
  listOf,
  Paging,
  PipelineListed,
  ProblemShown,
  RevisionShown,
  shownDraft,
  shownPipeline,
  shownRevision,
} from './shapes.ts';

const Name = z.string().trim().min(1).max(120);

/** The version a write was made from, `If-Match: "7"`. 428 `if_match_missing`, 400 `if_match_invalid`. */
function versionOf(request: Request): number {
  const header = request.headers['if-match'];
  if (header === undefined)
    throw new ApiError(428, 'if_match_missing', 'Say which version you changed.', {
      hint: 'Send If-Match with the version of the pipeline you loaded.',
    });
  const version = /^(?:W\/)?"?(\d+)"?$/.exec(header)?.[1];
  if (version === undefined) throw new ApiError(400, 'if_match_invalid', `If-Match "${header}" is not a version.`);
  return Number(version);
}

/** A document of any origin, or 422 with every problem of its shape. */
function documentFrom(json: unknown): PipelineDocument {
  const parsed = parseDocument(json);
  if (parsed.ok) return parsed.document;
  throw new ApiError(422, 'invalid_document', parsed.problems[0]?.message ?? 'This is not a pipeline.', {
    problems: parsed.problems,
  });
}

async function pipelineOf(services: Services, id: string) {
  const row = await services.database.catalog.pipelines.get(id);
  if (row === null) throw notFound('pipeline');
  return row;
}

const draftConflict = (current: ReturnType<typeof shownDraft>): ApiError =>
  new ApiError(412, 'draft_conflict', 'Somebody saved this pipeline in the meantime.', {
    hint: 'Look at both versions and save again.',
    current,
  });

/** A document that cannot run, or null. */
function refusal(document: PipelineDocument): ApiError | null {
  const problems = validate(document);
  const errors = problems.filter((problem) => problem.severity === 'error');
  if (errors.length === 0) return null;
  return new ApiError(
    422,
    'invalid_document',
    errors.length === 1 ? (errors[0]?.message ?? '') : `The pipeline has ${errors.length} problems.`,
    { problems },
  );
}

/** The trigger a run starts from: the one named, else the only one, else the manual one. */
function triggerOf(
  document: PipelineDocument,
  wanted: string | undefined,
): { readonly node: string; readonly kind: 'manual' } {
  const triggers = document.nodes.filter((node) => node.type.startsWith('trigger.'));
  const found =
    wanted === undefined
      ? (triggers.find((node) => node.type === 'trigger.manual') ?? triggers[0])
      : triggers.find((node) => node.id === wanted);
  if (found === undefined)
    throw new ApiError(
      422,
      'unknown_trigger',
      wanted === undefined ? 'The pipeline has no trigger.' : `"${wanted}" is not a trigger of this pipeline.`,
    );
  return { node: found.id, kind: 'manual' };
}

/** Drawing, publishing and starting pipelines. */
export const pipelineRoutes = [
  route({
    method: 'get',
    path: '/api/pipelines',
    auth: 'local',
    permission: 'read',
    scope: 'project',
    summary: 'List pipelines, most recently changed first',
    query: Paging.extend({ q: z.string().max(200).optional() }),
    answer: z.strictObject({ items: z.array(PipelineListed), next: Id.nullable() }),
    handle: async ({ query, services }) => {
      const { pipelines, runs } = services.database.catalog;
      const page = await pipelines.list({
        limit: query.limit,
        ...(query.q ? { q: query.q } : {}),
        ...(query.after ? { after: query.after } : {}),
      });
      const last = await Promise.all(
        page.rows.map(async (row) => (await runs.list({ pipelineId: row.id, limit: 1 })).rows[0] ?? null),
      );
      return { items: page.rows.map((row, i) => shownPipeline(row, last[i] ?? null)), next: page.next };
    },
  }),
  route({
    method: 'post',
    path: '/api/pipelines',
    auth: 'local',
    permission: 'edit',
    scope: 'project',
    summary: 'Create a pipeline',
    body: z.strictObject({
      name: Name,
      document: z.unknown().optional(),
      slug: z
        .string()
        .regex(/^[a-z0-9][a-z0-9-]{0,63}$/)
        .optional(),
    }),
    status: 201,
    answer: DraftShown,
    handle: async ({ body, services }) => {
      const document = body.document === undefined ? undefined : documentFrom(body.document);
      return shownDraft(
        await services.database.catalog.pipelines.create({
          name: body.name,
          ...(document ? { document } : {}),
          ...(body.slug ? { slug: body.slug } : {}),
        }),
      );
    },
  }),
  route({
    method: 'get',
    path: '/api/pipelines/:id',
    auth: 'local',
    permission: 'read',
    scope: 'project',
    summary: 'A pipeline with its draft and the draft’s problems',
    params: ById,
    answer: DraftShown,
    handle: async ({ params, services, response }) => {
      const row = await pipelineOf(services, params.id);
      response.set('ETag', `"${row.version}"`);
      return { ...shownDraft(row), problems: validate(row.draft) };
    },
  }),
  route({
    method: 'delete',
    path: '/api/pipelines/:id',
    auth: 'local',
    permission: 'edit',
    scope: 'project',
    summary: 'Delete a pipeline; its runs stay readable',
    params: ById,
    status: 204,
    answer: null,
    handle: async ({ params, services }) => {
      if (!(await services.database.catalog.pipelines.remove(params.id))) throw notFound('pipeline');
      return null;
    },
  }),
  route({
    method: 'put',
    path: '/api/pipelines/:id/draft',
    auth: 'local',
    permission: 'edit',
    scope: 'project',
    summary: 'Save the draft made from the version in If-Match; 412 with the current one when it has moved',
    params: ById,
    body: z.strictObject({ name: Name.optional(), document: z.unknown() }),
    answer: z.strictObject({ version: z.number().int(), problems: z.array(ProblemShown) }),
    handle: async ({ params, body, request, response, services }) => {
      const document = documentFrom(body.document);
      const answer = await services.database.catalog.pipelines.saveDraft({
        id: params.id,
        ifVersion: versionOf(request),
        document,
        ...(body.name ? { name: body.name } : {}),
      });
      if (answer === null) throw notFound('pipeline');
      if ('conflict' in answer) throw draftConflict(shownDraft(answer.conflict));
      response.set('ETag', `"${answer.version}"`);
      return { version: answer.version, problems: validate(document) };
    },
  }),
  route({
    method: 'post',
    path: '/api/pipelines/:id/publish',
    auth: 'local',
    permission: 'edit',
    scope: 'project',
    summary: 'Publish the draft: its webhooks and schedules become live; 422 with every problem when it cannot run',
    params: ById,
    body: z.strictObject({}).default({}),
    answer: RevisionShown,
    handle: async ({ params, request, services }) => {
      const version = versionOf(request);
      const row = await pipelineOf(services, params.id);
      if (row.version !== version) throw draftConflict(shownDraft(row));
      const refused = refusal(row.draft);
      if (refused) throw refused;
      const answer = await services.database.catalog.pipelines.publish({ id: params.id, ifVersion: version });
      if (answer === null) throw notFound('pipeline');
      if ('conflict' in answer) throw draftConflict(shownDraft(answer.conflict));
      return shownRevision(answer.revision);
    },
  }),
  route({
    method: 'get',
    path: '/api/pipelines/:id/revisions',
    auth: 'local',
    permission: 'read',
    scope: 'project',
    summary: 'Published revisions, newest first',
    params: ById,
    answer: listOf(RevisionShown),
    handle: async ({ params, services }) => ({ items: await services.database.catalog.revisions.list(params.id) }),
  }),
  route({
    method: 'get',
    path: '/api/revisions/:id',
    auth: 'local',
    permission: 'read',
    scope: 'project',
    summary: 'A revision with its document',
    params: ById,
    answer: RevisionShown.extend({ document: z.looseObject({}) }),
    handle: async ({ params, services }) => {
      const revision = await services.database.catalog.revisions.get(params.id);
      if (revision === null) throw notFound('revision');
      return revision;
    },
  }),
  route({
    method: 'post',
    path: '/api/pipelines/:id/runs',
    auth: 'local',
    permission: 'run',
    scope: 'project',
    summary:
      'Start a run of the draft or of the published revision; a repeated Idempotency-Key answers with the same run',
    params: ById,
    body: z.strictObject({
      source: z.enum(['draft', 'published']).default('published'),
      trigger: z.string().optional(),
      input: z.json().default(null),
    }),
    status: 201,
    answer: z.strictObject({ runId: Id, created: z.boolean() }),
    handle: async ({ params, body, request, services }) => {
      const { catalog } = services.database;
      const row = await pipelineOf(services, params.id);
      const revision =
        body.source === 'draft'
          ? await draftRevision(services, row.id, row.draft)
          : row.publishedRevisionId === null
            ? null
            : await catalog.revisions.get(row.publishedRevisionId);
      if (revision === null)
        throw new ApiError(409, 'not_published', 'This pipeline has not been published yet.', {
          hint: 'Publish it, or run its draft.',
        });
      const trigger = triggerOf(revision.document, body.trigger);
      const answer = await services.starter.start({
        revision,
        trigger,
        input: body.input as Json,
        dedupKey: dedupKey(request),
        mustBePublished: false,
      });
      if (answer.outcome === 'full') throw queueFull();
      if (answer.outcome === 'stale_revision')
        throw new ApiError(503, 'stale_revision', 'The pipeline was published in this very moment.', {
          hint: 'Send the request again.',
        });
      return { runId: answer.runId, created: answer.outcome === 'started' };
    },
  }),
];

async function draftRevision(services: Services, id: string, draft: PipelineDocument) {
  const refused = refusal(draft);
  if (refused) throw refused;
  return services.database.catalog.revisions.snapshot(id, draft);
}
