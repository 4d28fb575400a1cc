import type { RevisionRow, RunRow } from '@switchyard/journal';
import { type Failure, type Json, type Node, nodeType } from '@switchyard/pipeline';
import type { Services } from '../services.ts';

/*
 * Error pipelines. A run that fails, or that the system cancels, leaves an alarm in the transaction of its end; whichever
 * server looks first starts the pipelines that listen, and then takes the alarm away. The start's dedup key is the run's, so
 * two servers, or one that died in between, start each listener once.
 */

const LOOK_MS = 1_000;
const AT_ONCE = 20;

/** Looks each second; the answer ends it after the look under way. */
export function watchAlarms(services: Services): () => Promise<void> {
  let under: Promise<void> | null = null;
  const cancel = services.clock.every(LOOK_MS, () => {
    under ??= tellAlarms(services)
      .catch((error: unknown) => services.warn(`alarms: ${error instanceof Error ? error.message : String(error)}`))
      .finally(() => {
        under = null;
      });
  });
  return async () => {
    cancel();
    await under;
  };
}

/** Tells every alarm there is now to the pipelines that listen. */
export async function tellAlarms(services: Services): Promise<void> {
  const { control, catalog } = services.database;
  const alarms = await control.alarms(AT_ONCE);
  if (alarms.length === 0) return;
  const revisions = await Promise.all(
    (await catalog.pipelines.errorListeners()).map(({ revisionId }) => catalog.revisions.get(revisionId)),
  );
  const listeners = revisions.flatMap((revision) => (revision === null ? [] : listenersIn(revision)));
  for (const { runId } of alarms) {
    const run = await catalog.runs.get(runId);
    if (run === null || (await tellOne(run, listeners, services))) await control.closeAlarm(runId);
  }
}

type Listener = { readonly revision: RevisionRow; readonly node: Node };

const listenersIn = (revision: RevisionRow): Listener[] =>
  revision.document.nodes.filter((node) => node.type === 'trigger.error').map((node) => ({ revision, node }));

/** False: somebody could not be told now, and the alarm stays. */
async function tellOne(run: RunRow, listeners: readonly Listener[], services: Services): Promise<boolean> {
  const slug = (await services.database.catalog.pipelines.get(run.pipelineId))?.slug ?? null;
  const input: Json = {
    run: run.id,
    pipeline: slug,
    failure: { ...(await failureOf(run, services)) },
    trigger: run.trigger.kind,
  };
  let told = true;
  for (const { revision, node } of listeners.filter((one) => hears(one.node, slug))) {
    const answer = await services.starter.start({
      revision,
      trigger: { node: node.id, kind: 'error', firing: run.id },
      input,
      dedupKey: `error:${run.id}`,
      mustBePublished: true,
    });
    // published anew in this moment, or its line is full: the next look tells it
    if (answer.outcome === 'stale_revision' || answer.outcome === 'full') told = false;
  }
  return told;
}

/** Whether a trigger listens to this pipeline: it names none, or this one. */
function hears({ type, config }: Node, slug: string | null): boolean {
  const parsed = nodeType(type)?.config.safeParse(config);
  const named: unknown = parsed?.success ? parsed.data.pipelines : [];
  return !Array.isArray(named) || named.length === 0 || named.includes(slug);
}

async function failureOf(run: RunRow, { database }: Services): Promise<Failure> {
  const [last] = await database.journal.events(run.id, { after: run.seq - 1, limit: 1 });
  if (last?.kind === 'run.failed') return last.data.failure;
  return { code: 'cancelled', message: 'The run was cancelled by the system.' };
}
