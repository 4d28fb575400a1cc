import type { PipelineDocument } from '@switchyard/pipeline';
import { JournalError } from '../errors.ts';
import type { Prisma, PrismaClient } from '../generated/client.ts';
import type { PipelineModel, RevisionModel } from '../generated/models.ts';
import { contentHash } from './content-hash.ts';
import type { PublishAnswer } from './contract.ts';
import { pinsOf, storedPins } from './pins.ts';
import { documentOf, isTaken, jsonOf, pipelineOf, revisionOf } from './rows.ts';
import { syncSchedules, syncWebhooks } from './sync-triggers.ts';

/*
 * Publishing: the draft becomes a revision (the same drawing with the same callees is the same revision, by content hash), the
 * pipeline points to it, webhooks and schedules become those of its trigger nodes, and limits and retention those it asks for.
 * One transaction; the pipeline's row is locked first.
 */

type Transaction = Prisma.TransactionClient;

/** The numbered revision with the draft's content: found, or numbered now, or made. */
async function freeze(tx: Transaction, pipeline: PipelineModel): Promise<RevisionModel> {
  const document = documentOf(pipeline.draft);
  const pins = await pinsOf(tx, pipeline, document);
  const hash = contentHash(document, pins);
  const found = await tx.revision.findUnique({ where: { pipelineId_hash: { pipelineId: pipeline.id, hash } } });
  if (found?.number != null) return found;
  const last = await tx.revision.aggregate({ where: { pipelineId: pipeline.id }, _max: { number: true } });
  const number = (last._max.number ?? 0) + 1;
  if (found !== null) return tx.revision.update({ where: { id: found.id }, data: { number } });
  return tx.revision.create({
    data: {
      projectId: pipeline.projectId,
      pipelineId: pipeline.id,
      number,
      hash,
      document: jsonOf(document),
      ...storedPins(pins),
    },
  });
}

/** The numbers of a limit are those published last; see `make_limiters` for limits that were never published. */
async function syncLimiters(tx: Transaction, { projectId }: PipelineModel, document: PipelineDocument): Promise<void> {
  const limits = new Map(document.nodes.flatMap(({ limit }) => (limit === undefined ? [] : [[limit.key, limit]])));
  for (const [key, { max, perSeconds = null }] of [...limits].sort(([a], [b]) => (a < b ? -1 : 1)))
    await tx.limiter.upsert({
      where: { key },
      create: { projectId, key, max, perSeconds },
      update: { max, perSeconds },
    });
}

/** What the published revision asks of the installation, as columns of its pipeline. */
function wishesOf({ nodes, settings }: PipelineDocument): Prisma.PipelineUpdateInput {
  return {
    listensError: nodes.some((node) => node.type === 'trigger.error'),
    keepDays: settings?.keepDays === undefined ? 30 : settings.keepDays, // drafts may leave out what has a default
    keepBytes: settings?.keepBytes ?? null,
  };
}

async function publishLocked(
  tx: Transaction,
  projectId: string,
  draft: { readonly id: string; readonly ifVersion: number },
): Promise<PublishAnswer | null> {
  // two publishers wait here for each other; a save in between moves the version
  await tx.$queryRaw`select id from pipeline where id = ${draft.id}::uuid for no key update`;
  const pipeline = await tx.pipeline.findFirst({ where: { id: draft.id, projectId, removedAt: null } });
  if (pipeline === null) return null;
  if (pipeline.version !== draft.ifVersion) return { conflict: pipelineOf(pipeline) };
  const revision = await freeze(tx, pipeline);
  const document = documentOf(pipeline.draft);
  await tx.pipeline.update({
    where: { id: pipeline.id },
    data: { publishedRevisionId: revision.id, publishedNumber: revision.number, ...wishesOf(document) },
  });
  await syncLimiters(tx, pipeline, document);
  await syncWebhooks(tx, pipeline, document);
  await syncSchedules(tx, pipeline, document);
  return { revision: revisionOf(revision) };
}

/** Publishes a draft at a version. Null: there is no such pipeline. Throws `webhook_token_taken`, `pipeline_not_published`, `invalid_request`. */
export async function publishDraft(
  prisma: PrismaClient,
  projectId: string,
  draft: { readonly id: string; readonly ifVersion: number },
): Promise<PublishAnswer | null> {
  for (let again = 0; ; again++) {
    try {
      return await prisma.$transaction((tx) => publishLocked(tx, projectId, draft));
    } catch (error) {
      if (!isTaken(error)) throw error;
      // the other unique key here is the revision's content: a snapshot was made of it this moment, and the second try finds it
      if (again > 0) {
        throw new JournalError('webhook_token_taken', 'a webhook with this token exists', {
          hint: 'choose another token in the webhook trigger',
          cause: error,
        });
      }
    }
  }
}
