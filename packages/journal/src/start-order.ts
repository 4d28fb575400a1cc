import {
  compileGraph,
  type EventBody,
  evaluateExpression,
  type Graph,
  type Json,
  type NewEvent,
  type Opening,
  type PipelineDocument,
  planStart,
  runOutputValue,
  type StepLimit,
} from '@switchyard/pipeline';
import type { RevisionRow } from './catalog/contract.ts';
import type { BlobContent, StartLimits, StartRunRequest } from './contract.ts';
import { packJson } from './pack.ts';
import { type RiddenStart, rideStart } from './ride-start.ts';
import { uuidV7 } from './uuid.ts';

/*
 * How a run begins, whoever begins it: a person, a hook, a schedule or a step of another run. One piece of code, so that
 * limits, dead branches and values are the same for all.
 */

type Started = Extract<EventBody, { kind: 'run.started' }>;

/** What starts a run. */
export type StartOrder = {
  readonly revision: RevisionRow;
  readonly trigger: Started['data']['trigger'];
  readonly input: Json;
  readonly dedupKey: string | null;
  /** Values that the input names besides itself. */
  readonly blobs?: readonly BlobContent[];
  /** Webhooks and schedules: refuse when the revision is no longer the published one. */
  readonly mustBePublished: boolean;
  /** The step that calls it. */
  readonly parent?: NonNullable<Started['data']['parent']>;
};

const graphs = new WeakMap<object, Graph>();

/** The graph of a revision, made once: revisions never change and the catalogue keeps them. */
export function graphOf(revision: { readonly document: PipelineDocument }): Graph {
  const known = graphs.get(revision.document);
  if (known !== undefined) return known;
  const graph = compileGraph(revision.document);
  graphs.set(revision.document, graph);
  return graph;
}

/**
 * The request for `startRun`, or for a child of an append. `now` dates its id. `fastPath`: pure steps ride along, unless the
 * run may have to wait for its turn. Throws `ExpressionError` for a concurrency key that fails.
 */
export function startRequest(order: StartOrder, { projectId, now, fastPath = false }: StartSetting): StartRunRequest {
  const { stored, blob } = packJson(order.input);
  const { id, number, hash, pipelineId } = order.revision;
  const graph = graphOf(order.revision);
  const started: Started = {
    kind: 'run.started',
    data: {
      trigger: order.trigger,
      input: stored,
      revision: { id, number, hash },
      ...(order.parent ? { parent: order.parent } : {}),
    },
  };
  const limits = startLimits(order.revision, order.input);
  const rides = fastPath && limits.concurrency === undefined && limits.rate === undefined && !order.parent;
  const start = rides ? rideStart(graph, started, order.input) : plainStart(graph, started, order.input);
  const end = endOf(start);
  return {
    runId: uuidV7(now),
    projectId,
    pipelineId,
    revisionId: id,
    mustBePublished: order.mustBePublished,
    dedupKey: order.dedupKey,
    started,
    events: [...start.events, ...end.events],
    open: start.open.map(({ key }) => key),
    ...someLimits(stepLimitsOf(graph, start.open)),
    limits,
    blobs: [...(blob ? [blob] : []), ...(order.blobs ?? []), ...start.blobs, ...end.blobs],
    ...(end.state ? { runState: end.state } : {}),
  };
}

/** Where and when a run begins, and whether it takes the fast path. */
export type StartSetting = { readonly projectId: string; readonly now: number; readonly fastPath?: boolean };

/** Every step is left to the workers. */
function plainStart(graph: Graph, started: Started, input: Json): RiddenStart {
  const { events, open, end } = planStart(graph, started);
  return { events, open, end, blobs: [], load: (value) => ('inline' in value ? value.inline : input) };
}

/** Limits of opened steps by their key. */
export function stepLimitsOf(graph: Graph, open: readonly Opening[]): Readonly<Record<string, StepLimit>> {
  return Object.fromEntries(
    open.flatMap(({ key, node }) => {
      const limit = graph.nodes.get(node)?.node.limit;
      return limit === undefined ? [] : [[key, limit]];
    }),
  );
}

const someLimits = (stepLimits: Readonly<Record<string, StepLimit>>): Pick<StartRunRequest, 'stepLimits'> =>
  Object.keys(stepLimits).length === 0 ? {} : { stepLimits };

/** What the settings of a revision ask of a start with this input. A concurrency key counts within its pipeline. */
export function startLimits(
  { document, pipelineId }: Pick<RevisionRow, 'document' | 'pipelineId'>,
  input: Json,
): StartLimits {
  const { settings } = document;
  if (settings === undefined) return { queueMax: DEFAULT_QUEUE_MAX };
  const { concurrency, rate, queueMax = DEFAULT_QUEUE_MAX, priority = 0, weight = 1 } = settings;
  return {
    queueMax,
    ...(priority === 0 ? {} : { priority }),
    ...(weight === 1 ? {} : { weight }),
    ...(rate === undefined ? {} : { rate }),
    ...(concurrency === undefined
      ? {}
      : { concurrency: { key: `${pipelineId}/${concurrencyKey(concurrency.key, input)}`, max: concurrency.max } }),
  };
}

/** As the settings schema has them; a document may leave out what has a default. */
const DEFAULT_QUEUE_MAX = 10_000;
const KEY_SHOWN = 200;

function concurrencyKey(expression: string | undefined, input: Json): string {
  if (expression === undefined) return '';
  const value = evaluateExpression(expression, { run: { id: '', input }, steps: {}, trigger: input });
  return (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, KEY_SHOWN);
}

type Ending = {
  readonly events: readonly NewEvent[];
  readonly state: 'succeeded' | 'failed' | null;
  readonly blobs: readonly BlobContent[];
};

/** The end of a run that ends where it starts: a trigger alone, or pure steps that rode along. */
function endOf({ end, load }: Pick<RiddenStart, 'end' | 'load'>): Ending {
  if (end === null || end.kind === 'cancelled') return { events: [], state: null, blobs: [] };
  if (end.kind === 'failed') {
    const { failure } = end;
    return { events: [{ kind: 'run.failed', stepKey: null, data: { failure } }], state: 'failed', blobs: [] };
  }
  const packed =
    end.output !== null && 'leaves' in end.output
      ? packJson(runOutputValue(end.output, load))
      : { stored: end.output, blob: null };
  return {
    events: [{ kind: 'run.succeeded', stepKey: null, data: { output: packed.stored } }],
    state: 'succeeded',
    blobs: packed.blob ? [packed.blob] : [],
  };
}
