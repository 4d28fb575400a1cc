import type {
  AppendRequest,
  Journal,
  RunControl,
  RunRows,
  Speaker,
  StepHint,
  WorkerSession,
} from '@switchyard/journal';
import type { NewEvent } from '@switchyard/pipeline';
import { appendOf, claimFirst, type Startable, startOf, succeeded } from '../../harness/journal.ts';

/*
 * What every implementation of the journal does: Postgres, and the one in memory that the simulator drives. A case is a title and
 * what must hold; it makes its own runs and leaves what others made alone.
 */

/** A journal with one published pipeline. Workers that a case registers are closed with it. */
export type JournalUnderTest = Startable & {
  readonly journal: Journal;
  readonly control: RunControl;
  readonly anotherPipeline: () => Promise<Startable>;
  readonly registerWorker: () => Promise<WorkerSession>;
  /** The worker's process is gone and was declared dead; a sweep frees what it held. */
  readonly kill: (worker: WorkerSession) => Promise<void>;
  /** As if so much time had passed for everything in the journal. */
  readonly passTime: (ms: number) => Promise<void>;
};

/** What must hold, by title. */
export type JournalCases = Readonly<Record<string, (under: JournalUnderTest) => Promise<void>>>;

/** Starts a run with these steps due; answers its id. */
export async function begin(
  under: JournalUnderTest,
  open: readonly string[],
  more: Parameters<typeof startOf>[2] = {},
): Promise<string> {
  const request = startOf(under, open, more);
  const answer = await under.journal.startRun(request);
  if (answer.outcome !== 'started') throw new Error(`not started: ${answer.outcome}`);
  return request.runId;
}

/** Kinds of all events of a run. */
export const kindsOf = async ({ journal }: JournalUnderTest, runId: string): Promise<string[]> =>
  (await journal.events(runId, { after: 0 })).map((event) => event.kind);

/** The run and its steps; throws when there is none. */
export async function rowsOf({ control }: JournalUnderTest, runId: string): Promise<RunRows> {
  const rows = await control.rows(runId);
  if (rows === null) throw new Error(`no run ${runId}`);
  return rows;
}

/** A step's row. */
export const stepOf = async (
  under: JournalUnderTest,
  runId: string,
  stepKey: string,
): Promise<RunRows['steps'][number] | undefined> =>
  (await rowsOf(under, runId)).steps.find((step) => step.stepKey === stepKey);

/** Asks for a claim; what was answered. */
export const ask = async ({ journal }: JournalUnderTest, hint: StepHint, worker: number): Promise<string> =>
  (await journal.claim({ ...hint, worker, seen: 0 })).outcome;

/** The structural append that ends a step, and the run with it if so wished; planned on the rows as they are. */
export async function settle(
  under: JournalUnderTest,
  runId: string,
  speaker: Speaker,
  more: Partial<AppendRequest> & { readonly also?: readonly NewEvent[] } = {},
): Promise<string> {
  const { also = [], ...rest } = more;
  const { version, seq } = await rowsOf(under, runId);
  const request = appendOf(runId, speaker, [succeeded(speaker.stepKey), ...also], {
    version,
    seen: seq,
    ownState: { state: 'succeeded' },
    ...rest,
  });
  return (await under.journal.append(request)).outcome;
}

/** Ends a run with its last step. */
export const finish = (under: JournalUnderTest, runId: string, speaker: Speaker): Promise<string> =>
  settle(under, runId, speaker, {
    also: [{ kind: 'run.succeeded', data: { output: null }, stepKey: null }],
    runState: 'succeeded',
  });

/** Claims a step that was never claimed. */
export const claimIt = (under: JournalUnderTest, runId: string, stepKey: string, worker: WorkerSession) =>
  claimFirst(under, runId, stepKey, worker.id);
