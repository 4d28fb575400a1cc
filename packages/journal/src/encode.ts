import type { EventBody, JournalEvent, NewEvent } from '@switchyard/pipeline';
import type { AppendRequest, BlobContent, StartRunRequest } from './contract.ts';
import { JournalError } from './errors.ts';

/*
 * Requests as the arrays the SQL functions take, in the order of their parameters. Data travels as JSON text: JSON.stringify
 * escapes U+0000 and lone surrogates, and the column is `json`, so every text comes back as it was written.
 */

type Columns = readonly [kinds: string[], keys: (string | null)[], data: string[]];

const eventColumns = (events: readonly NewEvent[]): Columns => [
  events.map((event) => event.kind),
  events.map((event) => event.stepKey),
  events.map((event) => JSON.stringify(event.data)),
];

/** Blobs that events name. Only whole fields of an event can name one; what stands inside an inline value is the user's own. */
function namedBlobs(events: readonly NewEvent[]): string[] {
  return events.flatMap((event) =>
    Object.values<unknown>(event.data).flatMap((field) => {
      if (typeof field !== 'object' || field === null || !('blob' in field)) return [];
      const { blob } = field;
      const named = typeof blob === 'object' && blob !== null && 'sha256' in blob ? blob.sha256 : null;
      return typeof named === 'string' ? [named] : [];
    }),
  );
}

/** Blobs that are carried, then, without bytes, those that are only named: they are in the journal already. */
function blobColumns(
  events: readonly NewEvent[],
  carried: readonly BlobContent[] = [],
): readonly [Buffer[], (string | null)[], (Buffer | null)[]] {
  const here = new Set(carried.map((blob) => blob.sha256));
  const named = [...new Set(namedBlobs(events))].filter((sha256) => !here.has(sha256));
  return [
    [...carried.map((blob) => blob.sha256), ...named].map((sha256) => Buffer.from(sha256, 'hex')),
    [...carried.map((blob) => blob.mediaType), ...named.map(() => null)],
    [...carried.map((blob) => blob.bytes), ...named.map(() => null)],
  ];
}

const asRunEvent = (body: EventBody): NewEvent => ({ ...body, stepKey: null });

type Start = Omit<StartRunRequest, 'dedupKey' | 'mustBePublished'>;

const startEvents = (request: Start): readonly NewEvent[] => [asRunEvent(request.started), ...request.events];

/** Values of a start from `p_kinds` on, for `start_run` and `fire` alike. */
export function startValues(request: Start): readonly unknown[] {
  const events = startEvents(request);
  return [...eventColumns(events), request.open, request.runState ?? null, ...blobColumns(events, request.blobs)];
}

/** Values of `start_run` after those: what the settings of its pipeline ask. */
export function limitValues(request: Start): readonly unknown[] {
  const { queueMax = null, priority = 0, weight = 1 } = request.limits ?? {};
  const more = startMore(request);
  return [queueMax, priority, weight, Object.keys(more).length === 0 ? null : JSON.stringify(more)];
}

/** What few starts have. */
function startMore({ started, limits = {}, stepLimits }: Start): Readonly<Record<string, unknown>> {
  const { concurrency, rate } = limits;
  const { parent } = started.data;
  return {
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(rate === undefined ? {} : { rate }),
    ...(stepLimits === undefined ? {} : { steps: stepLimits }),
    ...(parent === undefined ? {} : { parent }),
  };
}

/** A child as `append` takes it. Its blobs travel with those of the append. */
function childValue(child: StartRunRequest): string {
  const events = startEvents(child);
  const [kinds, keys, data] = eventColumns(events);
  const { trigger } = child.started.data;
  const [queueMax, priority, weight] = limitValues(child);
  const blobs = [...new Set([...(child.blobs ?? []).map((blob) => blob.sha256), ...namedBlobs(events)])];
  return JSON.stringify({
    run: child.runId,
    pipeline: child.pipelineId,
    revision: child.revisionId,
    dedup: child.dedupKey,
    node: trigger.node,
    trigger: trigger.kind,
    ...{ kinds, keys, data, open: child.open, state: child.runState ?? null, blobs },
    ...{ queueMax, priority, weight, more: startMore(child) },
  });
}

/** What the functions would store wrongly; each is a bug of the caller. */
const MISTAKES: readonly { readonly why: string; readonly made: (request: AppendRequest) => boolean }[] = [
  { why: 'no events', made: ({ events }) => events.length === 0 },
  {
    why: 'touching other steps needs the version the decision was made at',
    made: ({ touch, version }) => touch.length > 0 && version === null,
  },
  {
    why: 'a new run state needs a version',
    made: ({ runState, version }) => runState !== undefined && version === null,
  },
  {
    why: 'a step claimed and finished at once needs its new state',
    made: ({ speaker, ownState }) => speaker?.n === null && ownState === undefined,
  },
  {
    why: 'only a speaking step has a new state',
    made: ({ speaker, ownState }) => speaker === null && ownState !== undefined,
  },
  {
    why: 'a step cannot be held when no worker speaks',
    made: ({ speaker, open }) => speaker === null && open.some((step) => step.mine),
  },
  {
    why: 'a step with a limiter must be claimed',
    made: ({ open }) => open.some((step) => step.mine && step.limit !== undefined),
  },
  {
    why: 'a child begins with the append of the step it names as its parent',
    made: ({ child, runId, speaker }) =>
      child !== undefined &&
      (child.started.data.parent?.run !== runId || child.started.data.parent.step !== speaker?.stepKey),
  },
];

function check(request: AppendRequest): void {
  const mistake = MISTAKES.find(({ made }) => made(request));
  if (mistake === undefined) return;
  throw new JournalError('invalid_request', `append to run ${request.runId}: ${mistake.why}`);
}

/** Values of `append`. */
export function appendValues(request: AppendRequest): readonly unknown[] {
  check(request);
  const { speaker, ownState, open, touch, child } = request;
  const state = ownState?.state === 'running' ? null : (ownState?.state ?? null);
  return [
    request.runId,
    speaker?.worker ?? null,
    speaker?.stepKey ?? null,
    speaker?.epoch ?? null,
    speaker?.n ?? null,
    request.version,
    request.seen,
    request.intent || child !== undefined,
    ...eventColumns(request.events),
    state,
    dueInMs(request),
    open.map((step) => step.stepKey),
    open.map((step) => step.mine),
    open.map((step) => (step.limit === undefined ? null : JSON.stringify(step.limit))),
    touch.map((step) => step.stepKey),
    touch.map((step) => step.epoch),
    touch.map((step) => step.to),
    request.runState ?? null,
    ...blobColumns(request.events, child?.blobs ? [...(request.blobs ?? []), ...child.blobs] : request.blobs),
    request.close ?? [],
    child === undefined ? null : childValue(child),
  ];
}

/** Values of `wake` after the fence. */
export function wakeValues(
  stepKey: string,
  bodies: readonly EventBody[],
  blobs: readonly BlobContent[] = [],
): readonly unknown[] {
  const events = bodies.map((body): NewEvent => ({ ...body, stepKey }));
  const [kinds, , data] = eventColumns(events);
  return [kinds, data, ...blobColumns(events, blobs)];
}

/** A queued step is due at once unless said otherwise; a waiting one only when it has a deadline. */
function dueInMs({ ownState }: AppendRequest): number | null {
  if (ownState?.state === 'queued') return ownState.dueInMs ?? 0;
  return ownState?.state === 'waiting' ? (ownState.dueInMs ?? null) : null;
}

/** An event as `structural_events` and the event query write it, without its run. */
export type EventRow = {
  readonly seq: number;
  readonly kind: string;
  readonly stepKey: string | null;
  readonly epoch: number | null;
  readonly n: number | null;
  readonly at: string;
  readonly data: unknown;
};

/**
 * Events of one run from their rows. Not checked against the schema: what was written by a newer version must reach the fold,
 * which stops at a kind it does not know (`needs_newer_worker`).
 */
export function decodeEvents(runId: string, rows: readonly EventRow[] | null): JournalEvent[] {
  return (rows ?? []).map((row) => {
    const event = {
      runId,
      seq: row.seq,
      kind: row.kind,
      stepKey: row.stepKey,
      epoch: row.epoch,
      n: row.n,
      at: new Date(row.at).toISOString(),
      data: row.data,
    };
    return event as JournalEvent;
  });
}
