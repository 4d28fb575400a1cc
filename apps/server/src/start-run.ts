import {
  type Database,
  packJson,
  type RevisionRow,
  type StartRunAnswer,
  type StartRunRequest,
  uuidV7,
} from '@switchyard/journal';
import {
  compileGraph,
  type EventBody,
  type Graph,
  type Json,
  planStart,
  runOutputValue,
  type StoredValue,
} from '@switchyard/pipeline';
import type { Clock } from './system.ts';

type Started = Extract<EventBody, { kind: 'run.started' }>;

/** What starts a run. */
export type StartOrder = {
  readonly revision: RevisionRow;
  readonly trigger: Started['data']['trigger'];
  readonly input: Json;
  readonly dedupKey: string | null;
  /** Webhooks and schedules: refuse when the revision is no longer the published one. */
  readonly mustBePublished: boolean;
};

/** Starts runs; a start is answered when it stands in the journal. */
export interface Starter {
  start(order: StartOrder): Promise<StartRunAnswer>;
  /** The request alone, for a schedule's firing, which is one transaction with it. */
  request(order: StartOrder): StartRunRequest;
}

/** A starter on a database; the clock dates the runs' ids. */
export function starterOn(database: Database, clock: Clock): Starter {
  const request = (order: StartOrder): StartRunRequest => startRequest(database.catalog.projectId, order, clock.now());
  return { request, start: (order) => database.journal.startRun(request(order)) };
}

const graphs = new WeakMap<object, Graph>();

/** The graph of a revision, made once: revisions never change and the catalogue keeps them. */
export function graphOf(revision: Pick<RevisionRow, 'document'>): Graph {
  const known = graphs.get(revision.document);
  if (known !== undefined) return known;
  const graph = compileGraph(revision.document);
  graphs.set(revision.document, graph);
  return graph;
}

function startRequest(projectId: string, order: StartOrder, now: number): StartRunRequest {
  const { stored, blob } = packJson(order.input);
  const { id, number, hash, pipelineId } = order.revision;
  const started: Started = {
    kind: 'run.started',
    data: { trigger: order.trigger, input: stored, revision: { id, number, hash } },
  };
  const start = planStart(graphOf(order.revision), started);
  const end = endOf(start.end, order.input);
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
    blobs: [...(blob ? [blob] : []), ...end.blobs],
    ...(end.state ? { runState: end.state } : {}),
  };
}

type Ending = Pick<StartRunRequest, 'events'> & {
  readonly state: 'succeeded' | 'failed' | null;
  readonly blobs: NonNullable<StartRunRequest['blobs']>;
};

/** A pipeline that is a trigger alone ends where it starts. */
function endOf(end: ReturnType<typeof planStart>['end'], input: Json): Ending {
  if (end === null || end.kind === 'cancelled') return { events: [], state: null, blobs: [] };
  if (end.kind === 'failed') {
    const { failure } = end;
    return { events: [{ kind: 'run.failed', stepKey: null, data: { failure } }], state: 'failed', blobs: [] };
  }
  const load = (value: StoredValue): Json => ('inline' in value ? value.inline : input);
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
