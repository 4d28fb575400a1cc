import type { PipelineDocument } from '@switchyard/pipeline';
import { JournalError } from '../errors.ts';
import type { Prisma, PrismaClient } from '../generated/client.ts';

/*
 * A revision pins the revisions that its `pipeline` nodes call, when it is made: publishing a pipeline never changes what the
 * callers of its older revision do. A pipeline that calls itself calls the very revision being made, which has no id yet.
 */

/** What stands in the row for the revision itself. */
const SELF = 'self';

/** Revisions by the id of the node that calls them, as stored. */
export type StoredPins = Readonly<Record<string, string>>;

const slugOf = (config: Readonly<Record<string, unknown>>): string =>
  typeof config.pipeline === 'string' ? config.pipeline : '';

/** Pins of a document of this pipeline. Throws `pipeline_not_published`, naming node and slug. */
export async function pinsOf(
  prisma: PrismaClient | Prisma.TransactionClient,
  pipeline: { readonly id: string; readonly projectId: string },
  document: PipelineDocument,
): Promise<StoredPins> {
  const calls = document.nodes.filter((node) => node.type === 'pipeline');
  if (calls.length === 0) return {};
  const slugs = [...new Set(calls.map((node) => slugOf(node.config)))];
  const found = await prisma.pipeline.findMany({
    where: { projectId: pipeline.projectId, slug: { in: slugs }, removedAt: null },
    select: { id: true, slug: true, publishedRevisionId: true },
  });
  const called = new Map(found.map((row) => [row.slug, row]));
  const pins = calls.map((node): [string, string] => {
    const slug = slugOf(node.config);
    const row = called.get(slug);
    if (row?.id === pipeline.id) return [node.id, SELF];
    if (row?.publishedRevisionId != null) return [node.id, row.publishedRevisionId];
    throw new JournalError(
      'pipeline_not_published',
      `node ${node.id}: no pipeline with the slug '${slug}' is published`,
      {
        hint: row === undefined ? 'choose a pipeline that exists' : 'publish that pipeline first',
      },
    );
  });
  return Object.fromEntries(pins);
}

/** As a row holds them: none are null. */
export const storedPins = (pins: StoredPins): { readonly pins?: Prisma.InputJsonValue } =>
  Object.keys(pins).length === 0 ? {} : { pins: { ...pins } };

/** As readers see them: each is a revision's id. */
export function pinsFrom(row: { readonly id: string; readonly pins: Prisma.JsonValue }): StoredPins {
  const pins = (row.pins ?? {}) as StoredPins;
  return Object.fromEntries(Object.entries(pins).map(([node, pin]) => [node, pin === SELF ? row.id : pin]));
}
