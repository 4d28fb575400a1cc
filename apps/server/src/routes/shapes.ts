import type { ConnectionRow, PipelineRow, PipelineSummary, RevisionSummary, RunRow } from '@switchyard/journal';
import type { PipelineDocument } from '@switchyard/pipeline';
import { z } from 'zod';

/* Rows as the REST API shows them, and the schemas of what callers send. */

/** A UUID in a path or query. */
export const Id = z.uuid();
/** `/…/:id` */
export const ById = z.strictObject({ id: Id });
/** Keyset paging. */
export const Paging = z.object({ after: Id.optional(), limit: z.coerce.number().int().min(1).max(200).default(50) });

const Published = z.strictObject({ id: Id, number: z.number().int().nullable() }).nullable();
/** A pipeline in a list. */
export const PipelineListed = z.strictObject({
  id: Id,
  name: z.string(),
  slug: z.string(),
  version: z.number().int(),
  updatedAt: z.string(),
  published: Published,
  lastRun: z.strictObject({ id: Id, state: z.string(), at: z.string() }).nullable(),
});
/** A run in a list. `state` is the one shown: `waiting` while every living step waits, `paused` while it opens nothing. */
export const RunListed = z.strictObject({
  id: Id,
  pipelineId: Id,
  pipelineName: z.string(),
  revisionId: Id,
  revisionNumber: z.number().int().nullable(),
  state: z.string(),
  trigger: z.string(),
  cancelRequested: z.boolean(),
  /** The run and step that called it; null: nobody. */
  parent: z.strictObject({ runId: Id, stepKey: z.string() }).nullable(),
  seq: z.number().int(),
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  endedAt: z.string().nullable(),
});

/** A pipeline without its drawing. */
export const shownPipeline = (row: PipelineSummary, lastRun: RunRow | null): z.infer<typeof PipelineListed> => ({
  id: row.id,
  name: row.name,
  slug: row.slug,
  version: row.version,
  updatedAt: row.updatedAt,
  published: row.publishedRevisionId === null ? null : { id: row.publishedRevisionId, number: row.publishedNumber },
  lastRun: lastRun === null ? null : { id: lastRun.id, state: shownState(lastRun), at: lastRun.createdAt },
});

/** A pipeline with its draft. */
export const shownDraft = (
  row: PipelineRow,
): z.infer<typeof PipelineListed> & { readonly document: PipelineDocument } => ({
  ...shownPipeline(row, null),
  document: row.draft,
});

/** A run's row. */
export const shownRun = (row: RunRow): z.infer<typeof RunListed> => ({
  id: row.id,
  pipelineId: row.pipelineId,
  pipelineName: row.pipelineName,
  revisionId: row.revisionId,
  revisionNumber: row.revisionNumber,
  state: shownState(row),
  trigger: row.trigger.kind,
  cancelRequested: row.cancelRequested,
  parent: row.parent,
  seq: row.seq,
  createdAt: row.createdAt,
  startedAt: row.state === 'queued' ? null : row.createdAt,
  endedAt: row.endedAt,
});

function shownState(row: RunRow): string {
  if (row.endedAt === null && row.paused) return 'paused';
  return row.waiting && row.state === 'running' ? 'waiting' : row.state;
}

/** A revision without its document. */
export const shownRevision = (row: RevisionSummary): RevisionSummary => ({
  id: row.id,
  pipelineId: row.pipelineId,
  number: row.number,
  hash: row.hash,
  createdAt: row.createdAt,
});

/** What a person sets on a connection. */
export const ConnectionBody = z.strictObject({
  name: z.string().trim().min(1).max(120),
  baseUrl: z.url({ protocol: /^https?$/ }).max(2_000),
  modelId: z.string().trim().min(1).max(300),
  dialect: z.enum(['kimi', 'openai']).default('openai'),
  apiKey: z.string().max(4_000).nullish(),
  price: z.strictObject({ prompt: z.number().min(0), completion: z.number().min(0) }).nullish(),
});

/** A connection without its key. */
export const shownConnection = (row: ConnectionRow) => ({
  id: row.id,
  name: row.name,
  baseUrl: row.baseUrl,
  modelId: row.model,
  dialect: row.dialect,
  price: row.price,
  hasKey: row.hasKey,
  isDefault: row.isDefault,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
});

/** A problem of a document as `validate` names it. */
export const ProblemShown = z.looseObject({
  code: z.string(),
  severity: z.enum(['error', 'warning']),
  message: z.string(),
});
/** A pipeline with its draft, as answered. */
export const DraftShown = PipelineListed.extend({
  document: z.looseObject({}),
  problems: z.array(ProblemShown).optional(),
});
/** A revision without its document, as answered. */
export const RevisionShown = z.looseObject({
  id: Id,
  pipelineId: Id,
  number: z.number().int().nullable(),
  hash: z.string(),
  createdAt: z.string(),
});
/** A connection as answered; its key never is. */
export const ConnectionShown = z.looseObject({
  id: Id,
  name: z.string(),
  baseUrl: z.string(),
  modelId: z.string(),
  dialect: z.enum(['kimi', 'openai']),
  hasKey: z.boolean(),
  isDefault: z.boolean(),
});
/** An API key without its secret, as answered. */
export const KeyShown = z.looseObject({ id: Id, name: z.string(), prefix: z.string(), createdAt: z.string() });

/** A list in an object, so that more can stand beside it later. */
export const listOf = <Item extends z.ZodType>(item: Item) => z.looseObject({ items: z.array(item) });
