import type { PipelineDocument } from '@switchyard/pipeline';
import { Prisma } from '../generated/client.ts';
import type { PipelineModel, RevisionModel } from '../generated/models.ts';
import type { Page, PipelineRow, PipelineSummary, RevisionRow, RevisionSummary } from './contract.ts';
import { pinsFrom } from './pins.ts';

/** ISO 8601, or null. */
export const iso = (time: Date | null): string | null => time?.toISOString() ?? null;

/** The edge between Prisma's JSON and a document; it was validated before it was stored. */
export const documentOf = (json: Prisma.JsonValue): PipelineDocument => json as PipelineDocument;

/** The other way. A JSON value cannot hold `undefined`, so optional keys without a value are left out. */
export const jsonOf = (value: unknown): Prisma.InputJsonValue =>
  JSON.parse(JSON.stringify(value)) as Prisma.InputJsonValue;

/** Columns of a pipeline without its draft. */
export const PIPELINE_SUMMARY = {
  id: true,
  projectId: true,
  slug: true,
  name: true,
  version: true,
  publishedRevisionId: true,
  publishedNumber: true,
  createdAt: true,
  updatedAt: true,
} as const;

/** A list row. */
export const pipelineSummaryOf = (row: Pick<PipelineModel, keyof typeof PIPELINE_SUMMARY>): PipelineSummary => ({
  id: row.id,
  projectId: row.projectId,
  slug: row.slug,
  name: row.name,
  version: row.version,
  publishedRevisionId: row.publishedRevisionId,
  publishedNumber: row.publishedNumber,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
});

/** A pipeline with its draft. */
export const pipelineOf = (row: PipelineModel): PipelineRow => ({
  ...pipelineSummaryOf(row),
  draft: documentOf(row.draft),
});

/** A revision without its document. */
export const revisionSummaryOf = (row: Omit<RevisionModel, 'document' | 'projectId' | 'pins'>): RevisionSummary => ({
  id: row.id,
  pipelineId: row.pipelineId,
  number: row.number,
  hash: row.hash,
  createdAt: row.createdAt.toISOString(),
});

/** A revision with its document. */
export const revisionOf = (row: RevisionModel): RevisionRow => ({
  ...revisionSummaryOf(row),
  document: documentOf(row.document),
  pins: pinsFrom(row),
});

/** Cuts a page of `limit` from rows asked for with one more. */
export function pageOf<Row extends { readonly id: string }>(rows: readonly Row[], limit: number): Page<Row> {
  const page = rows.slice(0, limit);
  return { rows: page, next: rows.length > limit ? (page.at(-1)?.id ?? null) : null };
}

/** True when Prisma refused because a unique key is taken. */
export const isTaken = (error: unknown): boolean =>
  error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2002';
