import { buggify, type Catalog, type Journal } from '@switchyard/journal';
import {
  compileGraph,
  emptyRun,
  foldRun,
  type Graph,
  type JournalEvent,
  NeedsNewerWorker,
  type NewEvent,
  type RunEvent,
  type RunState,
} from '@switchyard/pipeline';

/*
 * Runs as this process last saw them. A cached run is never trusted: every claim and every structural append says up to
 * where it was folded, and the journal answers with what is missing. So the cache saves reading, and cannot be stale.
 *
 * `state` holds all structural events up to `state.seq`, without holes: a run's cancel ends when no step is live, which
 * a state that lacks somebody's `step.started` would see too early.
 */

/** Runs kept when nobody works on them. */
const KEPT_RUNS = 500;
const KEPT_GRAPHS = 200;
/** `version` of a run that has just been started; a wrong guess is answered with `behind`. */
const FIRST_VERSION = 1;
/** Fits no run. */
const NO_VERSION = -1;

/** What has been folded into a run, and who may write to it from this process now. */
export class CachedRun {
  readonly runId: string;
  readonly graph: Graph;
  readonly #journal: Journal;
  #state: RunState;
  #version: number = FIRST_VERSION;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(runId: string, graph: Graph, journal: Journal, state: RunState) {
    this.runId = runId;
    this.graph = graph;
    this.#journal = journal;
    this.#state = state;
  }

  /** Folded from every structural event up to its `seq`. */
  get state(): RunState {
    return this.#state;
  }

  /** The version decisions on `state` are computed from. */
  get version(): number {
    return this.#version;
  }

  /**
   * One claim or structural append of this run at a time in this process: what they bring is folded before the next one
   * decides. Work of others is done even when this one rejects.
   */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(work);
    this.#tail = turn.catch(() => {});
    return turn;
  }

  /** Folds what a claim or a `behind` brought: all structural events after `state.seq`, and the version they make. */
  adopt(missed: readonly JournalEvent[], version: number): void {
    this.#state = foldRun(this.#state, missed);
    this.#version = version;
  }

  /** After a structural `done`: folds the caller's own events, which end at `seq`. Reads what others wrote between, if anything. */
  async written(events: readonly NewEvent[], seq: number, at: string): Promise<void> {
    this.#version += 1;
    const first = seq - events.length + 1;
    if (first > this.#state.seq + 1) return this.doubt();
    const own = events.map(
      (event, i): RunEvent => ({ ...event, seq: first + i, at, epoch: event.kind === 'step.started' ? 1 : null }),
    );
    this.#state = foldRun(this.#state, own);
  }

  /**
   * Reads what others wrote after something of ours was written. Does not reject: where reading fails no version fits any
   * more, so the next append is answered with `behind` and brings it all.
   */
  async doubt(): Promise<void> {
    try {
      await this.refresh();
    } catch {
      this.#version = NO_VERSION;
    }
  }

  /** Reads on. The version stays: where it has moved, the next append is answered with `behind`. */
  async refresh(): Promise<void> {
    this.#state = foldRun(
      this.#state,
      await this.#journal.events(this.runId, { after: this.#state.seq, structural: true }),
    );
  }
}

/** Where cached runs come from. */
export class RunCache {
  readonly #journal: Journal;
  readonly #revisions: Pick<Catalog['revisions'], 'get'>;
  readonly #warn: (message: string) => void;
  readonly #runs = new Map<string, Promise<CachedRun | null>>();
  readonly #graphs = new Map<string, Graph>();

  constructor(parts: {
    readonly journal: Journal;
    readonly revisions: Pick<Catalog['revisions'], 'get'>;
    readonly warn: (message: string) => void;
  }) {
    this.#journal = parts.journal;
    this.#revisions = parts.revisions;
    this.#warn = parts.warn;
  }

  /** The run, read from the journal the first time. Null: there is no such run, or a newer worker must do it. */
  async open(runId: string): Promise<CachedRun | null> {
    if (buggify('run-cache.forget')) this.forget(runId);
    const known = this.#runs.get(runId) ?? this.#read(runId);
    this.#runs.delete(runId);
    this.#runs.set(runId, known);
    this.#makeRoom();
    try {
      return await known;
    } catch (error) {
      this.forget(runId);
      throw error;
    }
  }

  /** The run if it is at hand. */
  peek(runId: string): Promise<CachedRun | null> | null {
    return this.#runs.get(runId) ?? null;
  }

  /** Drops a run that has ended. */
  forget(runId: string): void {
    this.#runs.delete(runId);
  }

  async #read(runId: string): Promise<CachedRun | null> {
    const events = await this.#journal.events(runId, { after: 0, structural: true });
    try {
      const state = foldRun(emptyRun(), events);
      return state.revision === null
        ? null
        : new CachedRun(runId, await this.#graph(state.revision.id), this.#journal, state);
    } catch (error) {
      if (!(error instanceof NeedsNewerWorker)) throw error;
      this.#warn(`run ${runId}: ${error.message}; it is left to a newer worker`);
      return null;
    }
  }

  async #graph(revisionId: string): Promise<Graph> {
    const known = this.#graphs.get(revisionId);
    if (known) return known;
    const revision = await this.#revisions.get(revisionId);
    if (revision === null) throw new Error(`There is no revision ${revisionId}.`);
    const graph = compileGraph(revision.document);
    this.#graphs.set(revisionId, graph);
    for (const oldest of this.#graphs.keys()) {
      if (this.#graphs.size <= KEPT_GRAPHS) break;
      this.#graphs.delete(oldest);
    }
    return graph;
  }

  #makeRoom(): void {
    // A run that is dropped while somebody works on it is only read again: two copies of one run meet at `version`.
    for (const oldest of this.#runs.keys()) {
      if (this.#runs.size <= KEPT_RUNS) return;
      this.#runs.delete(oldest);
    }
  }
}
