import type { DeliveryRow, NewDelivery } from '@switchyard/journal';
import type { Json } from '@switchyard/pipeline';
import { z } from 'zod';
import { ApiError, notFound } from '../http/api-error.ts';
import type { Services } from '../services.ts';
import { loadValue } from './answer.ts';
import { type Hook, hookOf } from './hook-book.ts';
import { hookInput } from './hook-input.ts';

/** The webhook of an id, as published now. Throws 404. */
export async function hookById(id: string, { database }: Services): Promise<Hook> {
  const row = await database.catalog.webhooks.get(id);
  const hook = row === null ? null : await hookOf(row, database.catalog);
  if (hook === null) throw notFound('webhook');
  return hook;
}

/** The last deliveries of a webhook, those of this moment too. */
export async function listDeliveries(id: string, services: Services): Promise<readonly DeliveryRow[]> {
  await services.hooks.log.flush();
  return services.database.catalog.webhooks.deliveries((await hookById(id, services)).row.id);
}

/** What to replay, and into which version of the pipeline. */
export type Replay = { readonly webhook: string; readonly delivery: string; readonly source: 'draft' | 'published' };

/** Starts a run with what a delivery brought, whoever sent it: a person asked for it. Throws 404, 409 `body_gone`, 429 `queue_full`. */
export async function replayDelivery({ webhook, delivery, source }: Replay, services: Services): Promise<string> {
  const { database, starter } = services;
  await services.hooks.log.flush();
  const hook = await hookById(webhook, services);
  const found = await database.catalog.webhooks.delivery(webhook, delivery);
  if (found === null) throw notFound('delivery');
  const { input, blobs } = await inputOf(found, services);
  const revision = source === 'published' ? hook.revision : await draftOf(hook, services);
  const answer = await starter.start({
    revision,
    trigger: { node: hook.row.node, kind: 'webhook' },
    input,
    blobs,
    dedupKey: null,
    mustBePublished: false,
  });
  if (answer.outcome === 'full')
    throw new ApiError(429, 'queue_full', 'The pipeline has as many runs in line as it takes.');
  if (answer.outcome === 'stale_revision')
    throw new ApiError(409, 'stale_revision', 'The pipeline was published anew.');
  return answer.runId;
}

async function draftOf(hook: Hook, { database }: Services): Promise<Hook['revision']> {
  const pipeline = await database.catalog.pipelines.get(hook.row.pipelineId);
  if (pipeline === null) throw notFound('pipeline');
  if (!pipeline.draft.nodes.some(({ id }) => id === hook.row.node))
    throw new ApiError(409, 'trigger_gone', 'The draft has no such webhook any more.', {
      hint: 'Replay it as published.',
    });
  return database.catalog.revisions.snapshot(pipeline.id, pipeline.draft);
}

type Brought = { readonly input: Json; readonly blobs: Awaited<ReturnType<typeof hookInput>>['blobs'] };

/** What a delivery brought: the input of its run with its files, else its own body read anew. */
async function inputOf(delivery: NewDelivery, { database }: Services): Promise<Brought> {
  if (delivery.runId !== null) {
    const [first] = await database.journal.events(delivery.runId, { after: 0, limit: 1 });
    if (first?.kind === 'run.started') {
      const input = await loadValue(first.data.input, database);
      return { input, blobs: await blobsOf(delivery.runId, input, database) };
    }
  }
  if (delivery.body === null && delivery.bodyBytes > 0)
    throw new ApiError(409, 'body_gone', 'The body of this delivery was not kept.', {
      hint: 'Bodies stay with their runs, those of refused requests up to 256 KiB.',
    });
  const raw = delivery.body ?? Buffer.alloc(0);
  const { input, blobs } = await hookInput({ ...delivery, raw });
  return { input: { ...input, files: [...input.files] }, blobs };
}

const ByHash = z.looseObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/) });
const Named = z.looseObject({ files: z.array(ByHash).catch([]), body: ByHash.nullable().catch(null) });

/** The files that an input names, carried over: only those that its run has, whatever else looks like a name. */
async function blobsOf(runId: string, input: Json, { catalog }: Services['database']): Promise<Brought['blobs']> {
  const named = Named.safeParse(input);
  if (!named.success) return [];
  const hashes = new Set(
    [...named.data.files, ...(named.data.body ? [named.data.body] : [])].map(({ sha256 }) => sha256),
  );
  const found = await Promise.all(
    [...hashes].map(async (sha256) => {
      const blob = await catalog.runs.blob(runId, sha256);
      return blob === null ? [] : [{ sha256, mediaType: blob.mediaType, bytes: blob.bytes }];
    }),
  );
  return found.flat();
}
