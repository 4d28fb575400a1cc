import type { PipelineDocument } from '@switchyard/pipeline';
import { JournalError } from '../errors.ts';
import type { PrismaClient } from '../generated/client.ts';
import type { PipelineRow, Pipelines } from './contract.ts';
import { publishDraft } from './publish.ts';
import { isTaken, jsonOf, PIPELINE_SUMMARY, pageOf, pipelineOf, pipelineSummaryOf } from './rows.ts';

const EMPTY: PipelineDocument = { format: 1, nodes: [], edges: [], notes: [] };

/** A name as it stands in an address: lower case, words joined by hyphens. */
const slugOf = (name: string): string =>
  name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 60) || 'pipeline';

/** Makes a pipeline; a slug made from the name is numbered until it is free, one that was asked for is not. */
async function create(
  prisma: PrismaClient,
  projectId: string,
  { name, document = EMPTY, slug }: Parameters<Pipelines['create']>[0],
): Promise<PipelineRow> {
  for (let number = 1; ; number++) {
    const candidate = slug ?? (number === 1 ? slugOf(name) : `${slugOf(name)}-${number}`);
    const data = { projectId, name, slug: candidate, draft: jsonOf(document) };
    try {
      return pipelineOf(await prisma.pipeline.create({ data }));
    } catch (error) {
      if (!isTaken(error)) throw error;
      if (slug === undefined) continue;
      throw new JournalError('slug_taken', `a pipeline with the slug '${slug}' exists`, { cause: error });
    }
  }
}

/** Pipelines of one project. `forget` is told of revisions whose number has changed. */
export function createPipelines(
  prisma: PrismaClient,
  projectId: string,
  forget: (revisionId: string) => void,
): Pipelines {
  const living = { projectId, removedAt: null };
  const get = async (id: string): Promise<PipelineRow | null> => {
    const row = await prisma.pipeline.findFirst({ where: { id, ...living } });
    return row === null ? null : pipelineOf(row);
  };
  return {
    list: async ({ q, after, limit }) => {
      const rows = await prisma.pipeline.findMany({
        where: {
          ...living,
          ...(q === undefined ? {} : { name: { contains: q, mode: 'insensitive' as const } }),
          ...(after === undefined ? {} : { id: { lt: after } }),
        },
        orderBy: { id: 'desc' },
        take: limit + 1,
        select: PIPELINE_SUMMARY,
      });
      return pageOf(rows.map(pipelineSummaryOf), limit);
    },
    create: (pipeline) => create(prisma, projectId, pipeline),
    get,
    bySlug: async (slug) => {
      const row = await prisma.pipeline.findFirst({ where: { slug, ...living } });
      return row === null ? null : pipelineOf(row);
    },
    saveDraft: async ({ id, ifVersion, document, name }) => {
      const { count } = await prisma.pipeline.updateMany({
        where: { id, ...living, version: ifVersion },
        data: { draft: jsonOf(document), version: { increment: 1 }, ...(name === undefined ? {} : { name }) },
      });
      if (count === 1) return { version: ifVersion + 1 };
      const conflict = await get(id);
      return conflict === null ? null : { conflict };
    },
    errorListeners: async () => {
      const rows = await prisma.pipeline.findMany({
        where: { ...living, listensError: true },
        select: { id: true, publishedRevisionId: true },
      });
      return rows.flatMap(({ id, publishedRevisionId }) =>
        publishedRevisionId === null ? [] : [{ pipelineId: id, revisionId: publishedRevisionId }],
      );
    },
    remove: async (id) => {
      const [hidden] = await prisma.$transaction([
        // the slug is free again; the row stays for its runs
        prisma.$executeRaw`update pipeline set removed_at = clock_timestamp(), slug = slug || '~' || id where id = ${id}::uuid and project_id = ${projectId}::uuid and removed_at is null`,
        prisma.webhook.deleteMany({ where: { pipelineId: id, projectId } }),
        prisma.schedule.deleteMany({ where: { pipelineId: id, projectId } }),
      ]);
      return hidden === 1;
    },
    publish: async (draft) => {
      const answer = await publishDraft(prisma, projectId, draft);
      if (answer !== null && 'revision' in answer) forget(answer.revision.id);
      return answer;
    },
  };
}
