import { type Catalog, JournalError } from '@switchyard/journal';
import type { PipelineDocument } from '@switchyard/pipeline';
import { seedDocuments } from './documents.ts';
import { type FollowSample, follow } from './follow.ts';
import { solve } from './solve.ts';
import { triage } from './triage.ts';

/** A pipeline that a fresh project begins with. */
export type ReadyPipeline = { readonly slug: string; readonly name: string; readonly document: PipelineDocument };

/** What a fresh project begins with, in the order it is listed. */
export const readyPipelines = (sample: FollowSample): readonly ReadyPipeline[] => [
  { slug: 'triage-a-message', name: 'Triage a message', document: triage },
  { slug: 'follow-the-links', name: 'Follow the links', document: follow(sample) },
  { slug: 'solve-a-word-problem', name: 'Solve a word problem', document: solve },
];

/**
 * Gives a project its ready pipelines, published, and the documents of the search tool. Pipelines are made only while the
 * project has none that it was not given by an unfinished start; one that exists is never touched, so edits stay.
 * Safe to run twice at once.
 */
export async function seedProject(catalog: Catalog, sample: FollowSample): Promise<void> {
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
