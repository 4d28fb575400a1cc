import {
  graphOf,
  packJson,
  type RevisionRow,
  type RunRow,
  type StartRunRequest,
  startLimits,
  stepLimitsOf,
  uuidV7,
} from '@switchyard/journal';
import {
  type EventBody,
  emptyRun,
  foldNew,
  foldRun,
  type Graph,
  type Json,
  type NewEvent,
  plan,
  type RunState,
  runOutputValue,
  type StepState,
} from '@switchyard/pipeline';
import { loadValue } from '../hooks/answer.ts';
import { ApiError, notFound } from '../http/api-error.ts';
import type { Services } from '../services.ts';

/*
 * Retrying an ended run: a new run of a chosen revision that begins with copies of what ended well in the old one, values by
 * reference, and does the rest. The old run never changes, and nothing copied has its effect again.
 */

/** What to do again, and with which drawing. */
export type RetryOrder = {
  readonly runId: string;
  /** Keys of the steps to begin from; `failed`: those that failed or were stopped. What follows them is done again too. */
  readonly from: readonly string[] | 'failed';
  readonly revision: 'same' | 'published' | 'draft';
  readonly dedupKey: string | null;
};

/** The start of the new run. Throws 404 `not_found`, 409 `run_not_over`, `nothing_failed`, `not_published`, `trigger_gone`, 400 `unknown_step`. */
export async function retryRequest(order: RetryOrder, services: Services): Promise<StartRunRequest> {
  const { database } = services;
  const row = await database.catalog.runs.get(order.runId);
  if (row === null) throw notFound('run');
  if (row.endedAt === null)
    throw new ApiError(409, 'run_not_over', 'The run goes on.', { hint: 'Cancel it first, or wait for its end.' });
  const old = foldRun(emptyRun(), await database.journal.events(row.id, { after: 0, structural: true }));
  const from = order.from === 'failed' ? failedSteps(old) : order.from.map(outermost);
  const revision = await chosenRevision(row, order.revision, services);
  const graph = graphOf(revision);
  check({ graph, old, from, asked: order.from });
  return requestOf({ order, row, old, revision, graph, copied: copiedEvents(graph, old, from), from }, services);
}

/** A step inside a loop is done again with its whole loop. */
const outermost = (key: string): string => (key.split('/')[0] ?? key).replace(/\[\d+\]$/, '');

const stepsOf = (state: RunState): readonly StepState[] => [...state.steps.values()];

/** Whether the run ended because of this step, or before it could end. */
const isOpen = (step: StepState): boolean =>
  step.state === 'cancelled' || (step.state === 'failed' && step.continues !== true) || step.settledSeq === 0;

const failedSteps = (old: RunState): readonly string[] => [
  ...new Set(
    stepsOf(old)
      .filter(isOpen)
      .map((step) => outermost(step.key)),
  ),
];

async function chosenRevision(
  row: RunRow,
  which: RetryOrder['revision'],
  { database }: Services,
): Promise<RevisionRow> {
  const { revisions, pipelines } = database.catalog;
  if (which === 'same') return found(await revisions.get(row.revisionId), 'revision');
  const pipeline = found(await pipelines.get(row.pipelineId), 'pipeline');
  if (which === 'draft') return revisions.snapshot(pipeline.id, pipeline.draft);
  if (pipeline.publishedRevisionId === null)
    throw new ApiError(409, 'not_published', 'The pipeline is not published.', {
      hint: 'Publish it, or take its draft.',
    });
  return found(await revisions.get(pipeline.publishedRevisionId), 'revision');
}

function found<T>(value: T | null, what: string): T {
  if (value === null) throw notFound(what);
  return value;
}

type Checked = {
  readonly graph: Graph;
  readonly old: RunState;
  readonly from: readonly string[];
  readonly asked: RetryOrder['from'];
};

function check({ graph, old, from, asked }: Checked): void {
  if (asked === 'failed' && from.length === 0)
    throw new ApiError(409, 'nothing_failed', 'No step of this run failed.', { hint: 'Say from which step to begin.' });
  const unknown = asked === 'failed' ? undefined : from.find((key) => !graph.nodes.has(key));
  if (unknown !== undefined) throw new ApiError(400, 'unknown_step', `There is no step “${unknown}” in that revision.`);
  if (!graph.triggers.includes(old.trigger?.node ?? ''))
    throw new ApiError(409, 'trigger_gone', 'That revision has no longer the trigger this run began with.', {
      hint: 'Choose the revision of the run itself.',
    });
}

/** The ends of steps that are neither begun again nor follow one that is, in the order in which they ended. */
function copiedEvents(graph: Graph, old: RunState, from: readonly string[]): readonly NewEvent[] {
  const again = new Set([...from, ...failedSteps(old)]);
  for (const key of again) for (const edge of graph.nodes.get(key)?.outgoing ?? []) again.add(edge.to.node);
  return stepsOf(old)
    .filter((step) => graph.nodes.get(step.key)?.loop === null && !again.has(step.key))
    .toSorted((a, b) => a.settledSeq - b.settledSeq)
    .flatMap((step) => endOf(step));
}

function endOf(step: StepState): readonly NewEvent[] {
  const { key: stepKey, output, ports, failure } = step;
  if (step.state === 'succeeded' && output !== null)
    return [{ stepKey, kind: 'step.succeeded', data: { output, ports: [...ports] } }];
  if (step.state === 'failed' && failure !== null)
    return [{ stepKey, kind: 'step.failed', data: { failure, continues: true } }];
  return []; // a dead branch is found dead again, or alive
}

type Planned = {
  readonly order: RetryOrder;
  readonly row: RunRow;
  readonly old: RunState;
  readonly revision: RevisionRow;
  readonly graph: Graph;
  readonly copied: readonly NewEvent[];
  readonly from: readonly string[];
};

async function requestOf(planned: Planned, services: Services): Promise<StartRunRequest> {
  const { order, row, old, revision, graph, copied } = planned;
  const { database, clock } = services;
  const started = startedOf(planned);
  const now = clock.now();
  const events: readonly NewEvent[] = [{ ...started, stepKey: null }, ...copied];
  const { open, skip, end } = plan(graph, foldNew(emptyRun(), events, new Date(now).toISOString()));
  const skips = skip.map((stepKey): NewEvent => ({ stepKey, kind: 'step.skipped', data: {} }));
  const ending = await endingOf(end, services);
  const input: Json = revision.document.settings?.concurrency?.key ? await loadValue(old.input, database) : null;
  return {
    runId: uuidV7(now),
    projectId: row.projectId,
    pipelineId: row.pipelineId,
    revisionId: revision.id,
    mustBePublished: false,
    dedupKey: order.dedupKey,
    started,
    events: [...copied, ...skips, ...ending.events],
    open: open.map(({ key }) => key),
    stepLimits: stepLimitsOf(graph, open),
    limits: startLimits(revision, input),
    blobs: ending.blobs,
    ...(ending.state === null ? {} : { runState: ending.state }),
  };
}

function startedOf({ old, revision, row, from }: Planned): Extract<EventBody, { kind: 'run.started' }> {
  const { id, number, hash } = revision;
  return {
    kind: 'run.started',
    data: {
      trigger: { node: row.trigger.node, kind: 'manual' },
      input: old.input ?? { inline: null },
      revision: { id, number, hash },
      retryOf: { run: row.id, from: [...from] },
    },
  };
}

type Ending = Pick<StartRunRequest, 'events' | 'blobs'> & { readonly state: 'succeeded' | 'failed' | null };

/** With everything copied the new run ends where it begins. */
async function endingOf(end: ReturnType<typeof plan>['end'], { database }: Services): Promise<Ending> {
  if (end === null || end.kind === 'cancelled') return { events: [], blobs: [], state: null };
  if (end.kind === 'failed')
    return {
      events: [{ stepKey: null, kind: 'run.failed', data: { failure: end.failure } }],
      blobs: [],
      state: 'failed',
    };
  const { output } = end;
  if (output === null || !('leaves' in output))
    return { events: [{ stepKey: null, kind: 'run.succeeded', data: { output } }], blobs: [], state: 'succeeded' };
  const loaded = new Map<unknown, Json>();
  for (const value of Object.values(output.leaves)) loaded.set(value, await loadValue(value, database));
  const { stored, blob } = packJson(runOutputValue(output, (value) => loaded.get(value) ?? null));
  return {
    events: [{ stepKey: null, kind: 'run.succeeded', data: { output: stored } }],
    blobs: blob ? [blob] : [],
    state: 'succeeded',
  };
}
