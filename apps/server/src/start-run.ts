import { createHash } from 'node:crypto';
import {
  type Database,
  type RevisionRow,
  type StartRunAnswer,
  type StartRunRequest,
  uuidV7,
} from '@switchyard/journal';
import {
  compileGraph,
  type EventBody,
  type Graph,
  INLINE_LIMIT,
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
  const { stored, blobs } = pack(order.input);
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
    blobs,
    ...(end.state ? { runState: end.state } : {}),
  };
}

/** A pipeline that is a trigger alone ends where it starts. */
function endOf(
  end: ReturnType<typeof planStart>['end'],
  input: Json,
): { events: StartRunRequest['events']; state: 'succeeded' | 'failed' | null } {
  if (end === null || end.kind === 'cancelled') return { events: [], state: null };
  if (end.kind === 'failed')
    return { events: [{ kind: 'run.failed', stepKey: null, data: { failure: end.failure } }], state: 'failed' };
  const output =
    end.output === null
      ? null
      : 'leaves' in end.output
        ? { inline: runOutputValue(end.output, (value) => ('inline' in value ? value.inline : input)) }
        : end.output;
  return { events: [{ kind: 'run.succeeded', stepKey: null, data: { output } }], state: 'succeeded' };
}

/** Small values stay in their event, large ones become a blob that travels with it. */
function pack(value: Json): { readonly stored: StoredValue; readonly blobs: NonNullable<StartRunRequest['blobs']> } {
  const text = JSON.stringify(value);
  const bytes = Buffer.from(text);
  if (bytes.length <= INLINE_LIMIT) return { stored: { inline: value }, blobs: [] };
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const mediaType = 'application/json';
  return {
    stored: { blob: { sha256, bytes: bytes.length, mediaType, head: text.slice(0, 512), tail: text.slice(-512) } },
    blobs: [{ sha256, mediaType, bytes }],
  };
}
