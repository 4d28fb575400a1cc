import type { Catalog, StepHint } from '@switchyard/journal';
import { compileGraph, nodeOfStep, type PipelineDocument, planStart } from '@switchyard/pipeline';
import { type Dispatch, type RunningWorker, startWorker } from '@switchyard/runtime';
import { resumeRun } from '../../apps/server/src/control/resume.ts';
import type { Services } from '../../apps/server/src/services.ts';
import { type Effect, nameOf, type Outside, portsOf } from './doubles.ts';
import { type Fate, type MemoryDatabase, MemoryServer, openMemoryDatabase, type Wire } from './memory-database.ts';
import { MemoryQueue, type QueueFaults } from './memory-dispatch.ts';
import { Tables } from './memory-journal-rows.ts';
import { EPOCH, Process } from './process.ts';
import { calledPipeline, callsIn } from './reference-pipeline.ts';
import { Chance, Timeline } from './timeline.ts';

/*
 * A whole installation in memory: a database, a queue, a server process that starts runs, and workers: the real ones.
 */

/** The project, pipeline and revision of all runs of a world. */
export const PROJECT = '00000000-0000-7000-8000-000000000001';
/** The only pipeline. */
export const PIPELINE = '00000000-0000-7000-8000-0000000000aa';
/** Its only revision. */
export const REVISION = '00000000-0000-7000-8000-0000000000bb';
/** The pipeline it calls, and the revision that is pinned. */
export const CALLED = {
  pipeline: '00000000-0000-7000-8000-0000000000cc',
  revision: '00000000-0000-7000-8000-0000000000dd',
};
const called = calledPipeline();

/** What may go wrong, each a probability per occasion. */
export type Trouble = {
  readonly queue: QueueFaults;
  readonly outside: Outside['trouble'];
  /** Of one statement. */
  readonly torn: number;
  readonly refused: number;
  readonly late: number;
  readonly deaf: number;
  readonly slow: number;
  readonly skewMs: number;
};

/** Nothing goes wrong. */
export const CALM: Trouble = {
  queue: { lost: 0, doubled: 0, delayed: 0 },
  outside: { slow: 0, model: 0 },
  torn: 0,
  refused: 0,
  late: 0,
  deaf: 0,
  slow: 0,
  skewMs: 0,
};

type AtWork = { readonly process: Process; running: RunningWorker | null };

/** Options of a world. */
export type WorldOptions = {
  readonly seed: number;
  readonly document: PipelineDocument;
  readonly trouble: Trouble;
  readonly fastPath?: boolean;
  /** State to begin with: that of a fork. */
  readonly tables?: Tables;
  readonly effects?: readonly Effect[];
  /** The database's time to begin with. */
  readonly from?: number;
};

/** One simulated installation. */
export class World {
  readonly timeline = new Timeline();
  readonly chance: Chance;
  readonly server: MemoryServer;
  readonly queue: MemoryQueue;
  readonly effects: Effect[];
  readonly workers: AtWork[] = [];
  readonly fired = new Map<string, number>();
  /** What workers told their operators. */
  readonly warnings: string[] = [];
  /** Runs whose start was acknowledged. */
  readonly started: string[] = [];
  /** Until then no statement gets through. */
  awayUntil = 0;
  readonly wire: Wire;
  readonly #options: WorldOptions;
  readonly #front: Process;
  readonly #times = new Map<string, number>();
  readonly frontDatabase: MemoryDatabase;
  #made = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.chance = new Chance(options.seed);
    this.effects = [...(options.effects ?? [])];
    for (const effect of this.effects) this.#times.set(nameOf(effect), (this.#times.get(nameOf(effect)) ?? 0) + 1);
    const base = options.from ?? EPOCH;
    const now = (): number => base + this.timeline.now;
    const tables = options.tables?.fork(now) ?? new Tables(now);
    tables.pipelines.set(PIPELINE, { publishedRevisionId: REVISION, listensError: false });
    tables.pipelines.set(CALLED.pipeline, { publishedRevisionId: CALLED.revision, listensError: false });
    const fired = (fault: string): void => this.count(fault);
    this.wire = {
      fate: (process, query) => this.#fate(process, query.name),
      losesBell: () => this.#losesBell(),
      around: null,
    };
    this.server = new MemoryServer(this.timeline, tables, this.wire);
    this.queue = new MemoryQueue({
      ...{ timeline: this.timeline, chance: this.chance, fired },
      faults: options.trouble.queue,
    });
    this.#front = this.#process('front');
    this.frontDatabase = this.#open(this.#front, true);
  }

  /** The database's time, milliseconds since 1970. */
  get now(): number {
    return this.server.tables.now();
  }

  /** Counts a fault that fired. */
  count(fault: string): void {
    this.fired.set(fault, (this.fired.get(fault) ?? 0) + 1);
  }

  #fate(process: Process, name: string): ReturnType<Wire['fate']> {
    const { torn, refused, late, slow } = this.#options.trouble;
    const { chance } = this;
    const calm = { thereMs: chance.between(0.1, 1), backMs: chance.between(0.1, 1) };
    if (process === this.#front) return name === 'start_run' ? this.#fateOfStart(calm) : { ...calm, end: 'answered' };
    if (this.timeline.now < this.awayUntil) return { ...calm, end: 'refused' };
    const dice = chance.fraction();
    if (dice < torn) {
      this.count('commit unknown, applied');
      return { ...calm, end: 'torn' };
    }
    if (dice < torn + refused) {
      this.count('commit unknown, not applied');
      return { ...calm, end: 'refused' };
    }
    if (dice < torn + refused + late && (name === 'append' || name === 'claim')) {
      this.count('late statement');
      return { thereMs: chance.between(5, 15_000), backMs: chance.between(0.1, 500), end: 'late' };
    }
    if (dice < torn + refused + late + slow) {
      this.count('slow store');
      return { thereMs: chance.between(50, 3_000), backMs: chance.between(0.1, 500), end: 'answered' };
    }
    return { ...calm, end: 'answered' };
  }

  /** A server asks again until it is answered, so most doubts are about starts. */
  #fateOfStart(calm: Pick<Fate, 'thereMs' | 'backMs'>): Fate {
    if (!this.chance.happens(60 * this.#options.trouble.torn)) return { ...calm, end: 'answered' };
    this.count('start in doubt');
    return { thereMs: calm.thereMs, backMs: this.chance.between(1, 2_000), end: 'torn' };
  }

  #losesBell(): boolean {
    const lost = this.chance.happens(this.#options.trouble.deaf);
    if (lost) this.count('lost bell');
    return lost;
  }

  #process(name: string): Process {
    const { skewMs } = this.#options.trouble;
    const skew = skewMs === 0 ? 0 : this.chance.between(-skewMs, skewMs);
    const chance = new Chance(this.chance.below(2 ** 31));
    return new Process({ name, timeline: this.timeline, chance, skewMs: skew });
  }

  #open(process: Process, announceDue: boolean): MemoryDatabase {
    return openMemoryDatabase({
      server: this.server,
      process,
      catalog: this.#catalog(),
      announceDue,
      warn: (message) => this.warnings.push(message),
    });
  }

  /** What workers and the server read of the catalogue. The edge: it has far more. */
  #catalog(): Catalog {
    const { document } = this.#options;
    const pins = Object.fromEntries(callsIn(document).map((node) => [node, CALLED.revision]));
    const revisions = new Map<string, object>([
      [REVISION, { id: REVISION, pipelineId: PIPELINE, number: 1, hash: 'reference', document, pins }],
      [
        CALLED.revision,
        { id: CALLED.revision, pipelineId: CALLED.pipeline, number: 1, hash: 'called', document: called, pins: {} },
      ],
    ]);
    const runOf = (id: string) => {
      const row = this.server.tables.run(id)?.row;
      return row === undefined
        ? null
        : { ...row, endedAt: row.endedAt === null ? null : new Date(row.endedAt).toISOString() };
    };
    const catalog = {
      projectId: PROJECT,
      revisions: { get: async (id: string) => revisions.get(id) ?? null },
      runs: { get: async (id: string) => runOf(id) },
    };
    return catalog as unknown as Catalog;
  }

  /** The document a run of this world was drawn as. */
  documentOf(revisionId: string): PipelineDocument {
    return revisionId === REVISION ? this.#options.document : called;
  }

  /** Somebody resumes a run: the server's own way. */
  resume(runId: string): Promise<unknown> {
    const services = { database: this.frontDatabase, clock: this.#front.clock };
    return resumeRun(runId, 'simulation', services as unknown as Services);
  }

  /** Somebody answers an approval; an answer that comes too late changes nothing. */
  answer(question: StepHint, by: string): void {
    const event = { kind: 'approval.decided', data: { approved: true, by } } as const;
    void this.frontDatabase.control.wake({ ...question, event }).catch(() => this.count('a person was refused'));
  }

  /** Approvals nobody has answered yet. */
  questions(): readonly StepHint[] {
    const asked = [...this.server.tables.liveSteps()].filter(
      (step) =>
        step.state === 'waiting' && step.dueAt === null && step.owner === null && nodeOfStep(step.key).startsWith('q'),
    );
    return asked.map(({ runId, key, epoch }) => ({ runId, stepKey: key, epoch }));
  }

  /** All workers the tables know are dead: their connections are gone. */
  killEverybody(): void {
    const { workers } = this.server.tables;
    for (const worker of [...workers.values()]) workers.set(worker.id, { ...worker, locked: false });
  }

  /** Starts a real worker in a process of its own. */
  startWorker(concurrency: number): AtWork {
    this.#made += 1;
    const process = this.#process(`worker ${this.#made}`);
    const atWork: AtWork = { process, running: null };
    this.workers.push(atWork);
    const outside: Outside = {
      effects: this.effects,
      times: this.#times,
      seqOf: (runId) => this.server.tables.run(runId)?.row.seq ?? 0,
      trouble: this.#options.trouble.outside,
      fired: (fault) => this.count(fault),
    };
    void startWorker({
      database: this.#open(process, false),
      dispatch: this.queue.dispatchOf(process) satisfies Dispatch,
      ports: portsOf(outside, process),
      clock: process.clock,
      concurrency,
      fastPath: this.#options.fastPath ?? true,
      build: 'simulated',
      warn: (message) => this.warnings.push(message),
    }).then(
      (running) => {
        atWork.running = running;
      },
      (error: unknown) => this.warnings.push(`a worker did not start: ${String(error)}`),
    );
    return atWork;
  }

  /** The server starts a run; it is acknowledged when the answer is there. */
  async startRun(runId: string): Promise<void> {
    const { document } = this.#options;
    const start = planStart(compileGraph(document), {
      kind: 'run.started',
      data: {
        trigger: { node: 'start', kind: 'manual' },
        input: { inline: null },
        revision: { id: REVISION, number: 1, hash: 'reference' },
      },
    });
    const answer = await this.frontDatabase.journal.startRun({
      runId,
      projectId: PROJECT,
      pipelineId: PIPELINE,
      revisionId: REVISION,
      mustBePublished: true,
      dedupKey: null,
      started: start.started,
      events: start.events,
      open: start.open.map(({ key }) => key),
    });
    if (answer.outcome === 'started') this.started.push(answer.runId);
  }
}

/** The id of the k-th run of a seed. */
export const runIdOf = (seed: number, k: number): string =>
  `00000000-0000-7000-9000-${(seed * 64 + k).toString(16).padStart(12, '0')}`;
