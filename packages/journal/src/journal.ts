import type { Bell } from './bell.ts';
import type {
  AppendAnswer,
  AppendRequest,
  ClaimAnswer,
  Journal,
  LiveStep,
  StartRunAnswer,
  StartRunRequest,
  StepHint,
} from './contract.ts';
import { crashPoint } from './crash-point.ts';
import { appendValues, decodeEvents, type EventRow, limitValues, startValues } from './encode.ts';
import { JournalError } from './errors.ts';
import { readEvents } from './read-events.ts';
import { createRunQueue, type RunQueue } from './run-queue.ts';
import type { Sender, Statement } from './send.ts';

/** `$1, $2, …` for a function of so many parameters. */
const parameters = (count: number): string => Array.from({ length: count }, (_, index) => `$${index + 1}`).join(', ');

const START: Statement = { name: 'start_run', text: `select * from start_run(${parameters(20)})` };
const APPEND: Statement = { name: 'append', text: `select * from append(${parameters(25)})` };
const CLAIM: Statement = { name: 'claim', text: `select * from claim(${parameters(5)})` };
const BLOB: Statement = { name: 'blob', text: 'select bytes from blob where sha = $1' };

/** `hints`: what to ring for; null: all that was opened. */
type StartRow = {
  readonly outcome: StartRunAnswer['outcome'];
  readonly run_id: string;
  readonly run_seq: number;
  readonly hints: readonly StepHint[] | null;
};
type AppendRow = {
  readonly outcome: AppendAnswer['outcome'];
  readonly run_seq: number;
  readonly run_version: number;
  readonly missed: readonly EventRow[] | null;
  readonly live: readonly LiveStep[] | null;
  readonly hints: readonly StepHint[] | null;
};
type ClaimRow = {
  readonly outcome: ClaimAnswer['outcome'];
  readonly epoch: number;
  readonly attempt: number;
  readonly crashes: number;
  readonly run_seq: number;
  readonly run_version: number;
  readonly cancel: boolean;
  readonly missed: readonly EventRow[] | null;
};

/** The function call always answers with exactly one row. */
function only<Row>(rows: readonly Row[]): Row {
  const [row] = rows;
  if (row === undefined) throw new Error('the journal function answered no row');
  return row;
}

type Parts = { readonly sender: Sender; readonly bell: Bell };

async function startRun({ sender, bell }: Parts, request: StartRunRequest): Promise<StartRunAnswer> {
  const { runId, started } = request;
  if (started.data.parent !== undefined)
    throw new JournalError('invalid_request', `run ${runId} has a parent: it begins with an append of its parent`);
  const kinds = [started.kind, ...request.events.map((event) => event.kind)];
  crashPoint('start.before', { runId, kinds });
  const { trigger } = started.data;
  const values = [
    runId,
    request.projectId,
    request.pipelineId,
    request.revisionId,
    request.mustBePublished,
    request.dedupKey,
    trigger.node,
    trigger.kind,
    ...startValues(request),
    ...limitValues(request),
  ];
  const row = only(await sender.send<StartRow>(START, values));
  if (row.outcome === 'stale_revision' || row.outcome === 'full') return { outcome: row.outcome };
  // also when it existed: an earlier send of this very call may have been cut before it rang
  crashPoint('start.after', { runId, kinds, seq: row.run_seq });
  bell.moved(row.run_id, row.run_seq);
  if (row.hints !== null) bell.handOver(row.hints);
  else if (row.run_id === runId) bell.due(request.open.map((stepKey) => ({ runId, stepKey, epoch: 0 })));
  return { outcome: row.outcome, runId: row.run_id, seq: row.run_seq };
}

/** Steps that an append has made due for others: opened, or woken by a touch (which raises their epoch). */
const madeDue = ({ runId, open, touch }: AppendRequest): StepHint[] => [
  ...open.filter((step) => !step.mine).map(({ stepKey }) => ({ runId, stepKey, epoch: 0 })),
  ...touch.filter((step) => step.to === 'due').map(({ stepKey, epoch }) => ({ runId, stepKey, epoch: epoch + 1 })),
];

async function append({ sender, bell }: Parts, queue: RunQueue, request: AppendRequest): Promise<AppendAnswer> {
  const { runId } = request;
  const values = appendValues(request);
  const kinds = request.events.map((event) => event.kind);
  const row = await queue.inTurn(runId, async () => {
    crashPoint('append.before', { runId, kinds, seq: request.seen });
    return only(await sender.send<AppendRow>(APPEND, values));
  });
  if (row.outcome === 'done' || row.outcome === 'already') {
    crashPoint('append.after', { runId, kinds, seq: row.run_seq });
    crashPoint('ring.before', { runId, kinds, seq: row.run_seq });
    bell.moved(runId, row.run_seq);
    bell.due(madeDue(request));
  }
  // of other runs: who appends cannot know of them
  if (row.hints !== null) bell.handOver(row.hints);
  if (request.child !== undefined && row.outcome === 'done')
    bell.moved(request.child.runId, request.child.events.length + 1);
  const answer = {
    outcome: row.outcome,
    seq: row.run_seq,
    version: row.run_version,
    missed: decodeEvents(runId, row.missed),
  };
  return row.live === null ? answer : { ...answer, live: row.live };
}

async function claim({ sender, bell }: Parts, request: Parameters<Journal['claim']>[0]): Promise<ClaimAnswer> {
  const { runId, stepKey, epoch, worker, seen } = request;
  crashPoint('claim.before', { runId, seq: seen });
  const row = only(await sender.send<ClaimRow>(CLAIM, [runId, stepKey, epoch, worker, seen]));
  if (row.outcome !== 'claimed') return { outcome: row.outcome };
  crashPoint('claim.after', { runId, kinds: ['step.started'], seq: row.run_seq });
  bell.moved(runId, row.run_seq);
  return {
    outcome: 'claimed',
    epoch: row.epoch,
    attempt: row.attempt,
    crashes: row.crashes,
    seq: row.run_seq,
    version: row.run_version,
    cancel: row.cancel,
    missed: decodeEvents(runId, row.missed),
  };
}

/** The journal on Postgres. Safe for any number of callers; appends of one run are sent one after the other. */
export function createJournal(parts: Parts): Journal {
  const queue = createRunQueue();
  const { sender } = parts;
  return {
    startRun: (request) => startRun(parts, request),
    append: (request) => append(parts, queue, request),
    claim: (request) => claim(parts, request),
    events: (runId, options) => readEvents(sender, runId, options),
    blob: async (sha256) =>
      (await sender.send<{ bytes: Buffer }>(BLOB, [Buffer.from(sha256, 'hex')]))[0]?.bytes ?? null,
  };
}
