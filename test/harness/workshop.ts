import { randomBytes, randomUUID } from 'node:crypto';
import type { Clock } from '@switchyard/agent';
import {
  type Database,
  LOCAL_PROJECT,
  openDatabase,
  type RevisionRow,
  startRequest,
  type WorkerSession,
} from '@switchyard/journal';
import { compileGraph, type JournalEvent, type Json, PipelineDocument, validate } from '@switchyard/pipeline';
import {
  type AllowedPlace,
  createModelHttp,
  createOutbound,
  createSandbox,
  type Dispatch,
  modelsOf,
  openDispatch,
  type RunningWorker,
  type Sandbox,
  startWorker,
  systemClock,
  systemRandom,
} from '@switchyard/runtime';
import { createTestDatabase, type TestDatabase } from './database.ts';

/*
 * A place where tests put runs and workers together on a real Postgres and a real queue. Each has a database of its own,
 * and its own keys in Redis.
 */

/** A Redis for tests; absent: they run on Postgres alone. */
export const REDIS_URL = process.env.TEST_REDIS_URL ?? process.env.REDIS_URL;

/** The queue back ends there are to test on. */
export const BACK_ENDS: readonly BackEnd[] = REDIS_URL === undefined ? ['postgres'] : ['postgres', 'redis'];
/** Where the queue lives. */
export type BackEnd = 'postgres' | 'redis';

/** What a test worker may be given. */
export type WorkerGiven = {
  readonly fastPath?: boolean;
  /** Another time than the system's. */
  readonly clock?: Clock;
  /** What stands between the worker and its session. */
  readonly between?: (session: WorkerSession) => WorkerSession;
  /** Another Redis than the workshop's. */
  readonly redisUrl?: string;
  readonly concurrency?: number;
  readonly allow?: readonly AllowedPlace[];
};

/** The document as a person writes it: what has a default may be left out. */
export type Drawing = { readonly nodes: readonly Json[]; readonly edges: readonly string[] };

/** Draws: `a.port > b` for an edge, `a > b` from port `out`. Throws when the document has an error. */
export function draw(drawing: Drawing): PipelineDocument {
  const edges = drawing.edges.map((text, i) => {
    const [from = '', to = ''] = text.split(' > ');
    const [node = '', port = 'out'] = from.split('.');
    return { id: `e${i}`, from: { node, port }, to: { node: to, port: 'in' } };
  });
  const document = PipelineDocument.parse({ nodes: [...drawing.nodes], edges });
  const errors = validate(document).filter((problem) => problem.severity === 'error');
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  return document;
}

/** Opens a workshop; `close` it. */
export async function openWorkshop(backEnd: BackEnd): Promise<Workshop> {
  const test = await createTestDatabase();
  const secretKey = Buffer.alloc(32, 7);
  const database = await openDatabase({
    url: test.url,
    applicationName: 'runtime test',
    maxConnections: 12,
    secretKey,
  });
  return new Workshop(backEnd, {
    test,
    database,
    server: await openDatabase({
      url: test.url,
      applicationName: 'runtime test server',
      maxConnections: 2,
      announceDue: true,
    }),
  });
}

/** A database, a queue and the workers of one test file. */
export class Workshop {
  readonly test: TestDatabase;
  readonly database: Database;
  /** As the server has it: its bell tells workers what is due. */
  readonly server: Database;
  readonly redisUrl: string | undefined;
  /** Keys of this workshop in Redis begin with it. */
  readonly prefix = `t${randomBytes(6).toString('hex')}`;
  /** What workers warned of. */
  readonly warnings: string[] = [];
  readonly #sandbox: Sandbox = createSandbox({ children: 1 });
  readonly #modelHttp = createModelHttp();
  readonly #dispatches: Dispatch[] = [];
  readonly #workers: RunningWorker[] = [];

  constructor(
    backEnd: BackEnd,
    opened: { readonly test: TestDatabase; readonly database: Database; readonly server: Database },
  ) {
    this.test = opened.test;
    this.database = opened.database;
    this.server = opened.server;
    this.redisUrl = backEnd === 'redis' ? REDIS_URL : undefined;
  }

  /** Starts a run as the server does. */
  async start(document: PipelineDocument, input: Json = {}): Promise<string> {
    const { catalog } = this.server;
    const pipeline = await catalog.pipelines.create({ name: `p ${randomUUID()}` });
    return this.startRevision(await catalog.revisions.snapshot(pipeline.id, document), input);
  }

  /** Starts a run of a revision at its first trigger. */
  async startRevision(revision: RevisionRow, input: Json = {}): Promise<string> {
    const [node = ''] = compileGraph(revision.document).triggers;
    const order = {
      revision,
      trigger: { node, kind: 'manual' as const },
      input,
      dedupKey: null,
      mustBePublished: false,
    };
    const answer = await this.server.journal.startRun(
      startRequest(order, { projectId: LOCAL_PROJECT, now: systemClock.now() }),
    );
    if (answer.outcome !== 'started') throw new Error(answer.outcome);
    return answer.runId;
  }

  /** A way to the queue, closed with the workshop. */
  async dispatch(redisUrl = this.redisUrl): Promise<Dispatch> {
    const warn = (message: string) => this.warnings.push(message);
    const place = redisUrl === undefined ? {} : { redisUrl };
    const { database, prefix } = this;
    const dispatch = await openDispatch({ database, clock: systemClock, warn, prefix, ...place });
    this.#dispatches.push(dispatch);
    return dispatch;
  }

  /** A worker in this process, stopped with the workshop. */
  async worker(given: WorkerGiven = {}): Promise<RunningWorker> {
    const { database } = this;
    const { clock = systemClock, between = (session) => session } = given;
    const worker = await startWorker({
      database: { ...database, registerWorker: async (options) => between(await database.registerWorker(options)) },
      dispatch: await this.dispatch(given.redisUrl),
      clock,
      concurrency: given.concurrency ?? 8,
      fastPath: given.fastPath ?? true,
      build: 'test',
      warn: (message) => this.warnings.push(message),
      ports: {
        clock: systemClock,
        random: systemRandom,
        http: createOutbound({ allow: given.allow ?? [] }),
        sandbox: this.#sandbox,
        models: modelsOf({
          connections: this.database.catalog.connections,
          http: this.#modelHttp.http,
          clock: systemClock,
        }),
        documents: this.database.catalog.documents,
        credentials: this.database.catalog.credentials,
      },
    });
    this.#workers.push(worker);
    return worker;
  }

  /** The whole journal of a run, once `done` says so of it; by default once it has ended. */
  events(
    runId: string,
    done: (events: readonly JournalEvent[]) => boolean = hasEnded,
  ): Promise<readonly JournalEvent[]> {
    const seen: JournalEvent[] = [];
    return new Promise((resolve) => {
      const following = this.database.follower.follow(runId, 0, (events) => {
        seen.push(...events);
        if (!done(seen)) return;
        following.close();
        resolve(seen);
      });
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop()));
    await Promise.all(this.#dispatches.map((dispatch) => dispatch.close()));
    await this.#sandbox.close();
    await this.#modelHttp.close();
    await this.database.close();
    await this.server.close();
    await this.test.drop();
  }
}

const hasEnded = (events: readonly JournalEvent[]): boolean =>
  events.some((event) => ['run.succeeded', 'run.failed', 'run.cancelled'].includes(event.kind));

/** The journal without what two runs of the same cannot share: times, places, people. */
export const told = (events: readonly JournalEvent[]): readonly string[] =>
  events.map(({ kind, stepKey, data }) =>
    JSON.stringify([
      kind,
      stepKey,
      { ...data, worker: undefined, ms: undefined, modelMs: undefined, revision: undefined },
    ]),
  );
