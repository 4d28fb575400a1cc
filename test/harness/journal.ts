import {
  type AppendRequest,
  type Database,
  type DatabaseOptions,
  LOCAL_PROJECT,
  openDatabase,
  type PipelineRow,
  type RevisionRow,
  type Speaker,
  type StartRunRequest,
  uuidV7,
} from '@switchyard/journal';
import type { NewEvent, PipelineDocument } from '@switchyard/pipeline';
import { createTestDatabase, type TestDatabase } from './database.ts';

/** A database of its own, opened, with one published pipeline to start runs of. */
export type JournalBench = {
  readonly database: Database;
  readonly test: TestDatabase;
  readonly pipeline: PipelineRow;
  readonly revision: RevisionRow;
  /** Another process's view of the same database; closed with the bench. */
  readonly openAnother: (options?: Partial<DatabaseOptions>) => Promise<Database>;
  readonly close: () => Promise<void>;
};

const EMPTY: PipelineDocument = { format: 1, nodes: [], edges: [], notes: [] };

/** Opens a bench. Duty: `close` it; that fails when a connection is left. */
export async function openJournalBench(options: Partial<DatabaseOptions> = {}): Promise<JournalBench> {
  const test = await createTestDatabase();
  const opened: Database[] = [];
  const open = async (more: Partial<DatabaseOptions> = {}): Promise<Database> => {
    const database = await openDatabase({
      url: test.url,
      applicationName: 'test',
      secretKey: Buffer.alloc(32, 7),
      ...options,
      ...more,
    });
    opened.push(database);
    return database;
  };
  const database = await open();
  const draft = await database.catalog.pipelines.create({ name: 'bench', document: EMPTY });
  const published = await database.catalog.pipelines.publish({ id: draft.id, ifVersion: draft.version });
  const pipeline = await database.catalog.pipelines.get(draft.id);
  if (published === null || 'conflict' in published || pipeline === null)
    throw new Error('the bench could not publish its pipeline');
  return {
    database,
    test,
    pipeline,
    revision: published.revision,
    openAnother: open,
    close: async () => {
      for (const one of opened.reverse()) await one.close();
      await test.drop();
    },
  };
}

/** A revision that runs can be started of. */
export type Startable = {
  readonly pipeline: Pick<PipelineRow, 'id'>;
  readonly revision: Pick<RevisionRow, 'id' | 'number' | 'hash'>;
};

/** A manual start of the bench's pipeline with these steps ready. */
export function startOf(
  bench: Startable,
  open: readonly string[],
  more: Partial<StartRunRequest> = {},
): StartRunRequest {
  const { pipeline, revision } = bench;
  return {
    runId: uuidV7(Date.now()),
    projectId: LOCAL_PROJECT,
    pipelineId: pipeline.id,
    revisionId: revision.id,
    mustBePublished: true,
    dedupKey: null,
    started: {
      kind: 'run.started',
      data: {
        trigger: { node: 'start', kind: 'manual' },
        input: { inline: null },
        revision: { id: revision.id, number: revision.number, hash: revision.hash },
      },
    },
    events: [],
    open,
    ...more,
  };
}

/** Starts a run; answers its id. */
export async function startRun(bench: JournalBench, open: readonly string[]): Promise<string> {
  const request = startOf(bench, open);
  const answer = await bench.database.journal.startRun(request);
  if (answer.outcome !== 'started') throw new Error(`not started: ${answer.outcome}`);
  return request.runId;
}

/** An append with nothing but what is given. */
export const appendOf = (
  runId: string,
  speaker: Speaker | null,
  events: readonly NewEvent[],
  more: Partial<AppendRequest> = {},
): AppendRequest => ({
  runId,
  speaker,
  version: null,
  seen: 0,
  intent: false,
  events,
  open: [],
  touch: [],
  ...more,
});

/** A note by a step: an event inside a step. */
export const note = (stepKey: string, text = 'noted'): NewEvent => ({ kind: 'note', data: { text }, stepKey });

/** A step's success. */
export const succeeded = (stepKey: string): NewEvent => ({
  kind: 'step.succeeded',
  data: { output: { inline: null }, ports: ['out'] },
  stepKey,
});

/** The event of a step that a worker opened for itself, or claimed. */
export const started = (stepKey: string, worker: number): NewEvent => ({
  kind: 'step.started',
  data: { attempt: 1, crashes: 0, worker },
  stepKey,
});

/** Claims a due step that was never claimed; answers the speaker. Throws when it is not told `claimed`. */
export async function claimFirst(
  database: Pick<Database, 'journal'>,
  runId: string,
  stepKey: string,
  worker: number,
): Promise<Speaker> {
  const answer = await database.journal.claim({ runId, stepKey, epoch: 0, worker, seen: 0 });
  if (answer.outcome !== 'claimed') throw new Error(`not claimed: ${answer.outcome}`);
  return { stepKey, epoch: answer.epoch, n: 0, worker };
}
