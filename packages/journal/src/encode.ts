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

const blobColumns = (blobs: readonly BlobContent[] = []): readonly [Buffer[], string[], Buffer[]] => [
  blobs.map((blob) => Buffer.from(blob.sha256, 'hex')),
  blobs.map((blob) => blob.mediaType),
  blobs.map((blob) => blob.bytes),
];

const asRunEvent = (body: EventBody): NewEvent => ({ ...body, stepKey: null });

/** Values of a start from `p_kinds` on, for `start_run` and `fire` alike. */
export function startValues(request: Omit<StartRunRequest, 'dedupKey' | 'mustBePublished'>): readonly unknown[] {
  const events = [asRunEvent(request.started), ...request.events];
  return [...eventColumns(events), request.open, request.runState ?? null, ...blobColumns(request.blobs)];
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
    made: ({ open }) => open.some((step) => step.mine && step.limitKey !== undefined),
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
  const { speaker, ownState, open, touch } = request;
  const state = ownState?.state === 'running' ? null : (ownState?.state ?? null);
  return [
    request.runId,
    speaker?.worker ?? null,
    speaker?.stepKey ?? null,
    speaker?.epoch ?? null,
    speaker?.n ?? null,
    request.version,
    request.seen,
    request.intent,
    ...eventColumns(request.events),
    state,
    dueInMs(request),
    open.map((step) => step.stepKey),
    open.map((step) => step.mine),
    open.map((step) => step.limitKey ?? null),
    touch.map((step) => step.stepKey),
    touch.map((step) => step.epoch),
    touch.map((step) => step.to),
    request.runState ?? null,
    ...blobColumns(request.blobs),
  ];
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
