import { type Catalog, JournalError } from '@switchyard/journal';
import { PipelineDocument } from '@switchyard/pipeline';
import { z } from 'zod';
import follow from '../../ready/follow.json' with { type: 'json' };
import solve from '../../ready/solve.json' with { type: 'json' };
import triage from '../../ready/triage.json' with { type: 'json' };
import { seedDocuments } from './documents.ts';

/** A pipeline that a fresh project begins with. It is data: no source of this server knows what it does. */
export const ReadyPipeline = z.strictObject({ slug: z.string(), name: z.string(), document: PipelineDocument });
/** As above, parsed. */
export type ReadyPipeline = z.infer<typeof ReadyPipeline>;

/** Values for `{name}` in the ready pipelines: addresses of this server that an example input holds. */
export type Sample = Readonly<Record<string, string>>;

/** What a fresh project begins with, in the order it is listed. */
export const readyPipelines = (sample: Sample): readonly ReadyPipeline[] =>
  [triage, follow, solve].map((ready) => ReadyPipeline.parse(filled(ready, sample)));

/** The same value with each text that is exactly `{name}` replaced. */
function filled(value: unknown, sample: Sample): unknown {
  if (typeof value === 'string') return sample[/^\{(\w+)\}$/.exec(value)?.[1] ?? ''] ?? value;
  if (Array.isArray(value)) return value.map((item) => filled(item, sample));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filled(item, sample)]));
}

/**
 * Gives a project its ready pipelines, published, and the documents of the search tool. Pipelines are made only while the
 * project has none that it was not given by an unfinished start; one that exists is never touched, so edits stay.
 * Safe to run twice at once.
 */
export async function seedProject(catalog: Catalog, sample: Sample): Promise<void> {
  await seedDocuments(catalog.documents);
  const { rows } = await catalog.pipelines.list({ limit: 4 });
  const ready = new Set(readyPipelines(sample).map(({ slug }) => slug));
  if (rows.some(({ slug }) => !ready.has(slug))) return;
  // all that is there is ours; a start that was cut before it had published is finished
  const unfinished = rows.some((row) => row.version === 1 && row.publishedRevisionId === null);
  if (rows.length > 0 && !unfinished) return;
  if (rows.length === 0 && (await catalog.runs.list({ limit: 1 })).rows.length > 0) return; // somebody deleted them all
  for (const pipeline of readyPipelines(sample)) await seedPipeline(catalog, pipeline);
}

async function seedPipeline({ pipelines }: Catalog, { slug, name, document }: ReadyPipeline): Promise<void> {
  try {
    const row = (await pipelines.bySlug(slug)) ?? (await pipelines.create({ slug, name, document }));
    if (row.publishedRevisionId === null) await pipelines.publish({ id: row.id, ifVersion: row.version });
  } catch (error) {
    // another server seeds at the same moment, or somebody else's webhook has the token: theirs stays
    if (!(error instanceof JournalError) || error.next !== 'conflict') throw error;
  }
}
