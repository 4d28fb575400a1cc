import type { AppendRequest, BlobContent, Journal, LiveStep, RunRowState } from '@switchyard/journal';
import { packJson } from '@switchyard/journal';
import {
  type End,
  foldNew,
  type Graph,
  type GraphNode,
  type IterationEnd,
  isSettled,
  type JournalEvent,
  type Json,
  type LoopState,
  type NewEvent,
  nodeOfStep,
  nodeType,
  type Opening,
  plan,
  planLoop,
  type RunOutput,
  type RunState,
  runOutputValue,
  type StoredValue,
} from '@switchyard/pipeline';
import { failedEvent, fromLoaded, pureEvents, startedEvent } from './pure-step.ts';
import type { ValueReader } from './values.ts';

/** How an append is planned. */
export type Planning = {
  readonly values: ValueReader;
  /** Of the run: for the outputs of a loop's iterations. */
  readonly journal: Pick<Journal, 'events'>;
  readonly runId: string;
  /** Pure steps ride along, and one successor is kept. */
  readonly fastPath: boolean;
  /** Worker id for the `step.started` written here. */
  readonly worker: number;
  /** Shown time of the events until the journal gives its own; ISO 8601. */
  readonly at: string;
  /** From a `behind`: steps with rows as they are now. */
  readonly live?: readonly LiveStep[];
};

/** The structural part of an append. */
export type PlannedAppend = Required<Pick<AppendRequest, 'events' | 'open' | 'touch' | 'close' | 'blobs'>> & {
  readonly runState?: RunRowState;
  /** The successor that this worker holds once the append is done. */
  readonly keep: string | null;
};

/** What to look at next: a step that settled, or a loop whose iterations moved. */
export type Next = { readonly settled: string } | { readonly loop: string };

/** Events of pure steps and iterations that ride in one append; what is ready beyond it is left due. */
const MAX_RIDE = 400;
/** Events of a loop read at a time when its outputs are collected. */
const PAGE = 2_000;

/**
 * An append being put together: each decision of the planner becomes events, and these lead to the next decision, until
 * nothing follows that this append may hold.
 */
export class AppendDraft {
  readonly #graph: Graph;
  readonly #planning: Planning;
  readonly #events: NewEvent[] = [];
  readonly #blobs: BlobContent[] = [];
  readonly #touch: AppendRequest['touch'][number][] = [];
  readonly #close: string[] = [];
  readonly #todo: Next[] = [];
  #waiting: Opening[] = [];
  /** Seq up to which the state is of the journal; what is above stands in this append. */
  readonly #written: number;
  #state: RunState;
  #end: RunRowState | null = null;

  constructor(graph: Graph, state: RunState, planning: Planning) {
    this.#graph = graph;
    this.#state = state;
    this.#written = state.seq;
    this.#planning = planning;
  }

  /** Adds the speaker's own events and follows what comes of them. */
  async follow(events: readonly NewEvent[], next: Next): Promise<PlannedAppend> {
    this.#add(events);
    this.#todo.push(next);
    while (this.#end === null && (this.#todo.length > 0 || (await this.#rideNext()))) {
      const one = this.#todo.pop();
      if (one === undefined) continue;
      await ('settled' in one ? this.#settled(one.settled) : this.#moved(one.loop));
    }
    return this.#planned();
  }

  #add(events: readonly NewEvent[]): void {
    this.#state = foldNew(this.#state, events, this.#planning.at);
    this.#events.push(...events);
  }

  async #settled(key: string): Promise<void> {
    const decision = plan(this.#graph, this.#state, [key]);
    const { open, skip, leave, leaveLoops, end, iteration, stop, cancel, look } = decision;
    this.#add(skip.map((stepKey): NewEvent => ({ stepKey, kind: 'step.skipped', data: {} })));
    this.#stop(leave);
    this.#todo.push(...leaveLoops.map((loop) => ({ loop })));
    this.#waiting.push(...open);
    if (this.#stop(stop)) return; // the last holder goes on from here
    this.#cancelLoops(cancel);
    const last = cancel.at(-1);
    if (end !== null) await this.#endRun(end);
    else if (iteration !== null) await this.#endIteration(iteration);
    else if (look !== null) this.#todo.push({ loop: look });
    else if (last !== undefined) this.#todo.push({ settled: last });
  }

  async #moved(key: string): Promise<void> {
    const { begin, open, end, stop, cancel } = planLoop(this.#graph, this.#state, key);
    this.#add(begin.map((index): NewEvent => ({ stepKey: key, kind: 'iteration.started', data: { index } })));
    this.#waiting.push(...open);
    if (end === null || this.#stop(stop)) return;
    this.#cancelLoops(cancel);
    this.#add([await this.#loopEnd(key, end)]);
    this.#close.push(key);
    this.#todo.push({ settled: key });
  }

  /** Stops steps: those that nobody holds end here. True when somebody holds one, who will write its end. */
  #stop(keys: readonly string[]): boolean {
    if (keys.length === 0) return false;
    const unopened = new Set(this.#waiting.map((one) => one.key));
    const stopped = new Set(keys);
    this.#waiting = this.#waiting.filter((one) => !stopped.has(one.key));
    const rows = keys.filter((key) => !unopened.has(key)).map((key) => this.#row(key));
    const known = rows.filter((row) => row !== null);
    const held = new Set(known.filter((row) => row.held).map((row) => row.stepKey));
    this.#touch.push(...known.map(({ stepKey, epoch }) => ({ stepKey, epoch, to: 'cancelled' as const })));
    const ended = keys.filter((key) => !held.has(key));
    this.#add(ended.map((stepKey): NewEvent => ({ stepKey, kind: 'step.cancelled', data: {} })));
    return held.size > 0;
  }

  #row(key: string): LiveStep | null {
    const { live } = this.#planning;
    if (live) return live.find((row) => row.stepKey === key) ?? null;
    // A guess from the fold: where it is wrong nothing is written, and `behind` brings the rows.
    const step = this.#state.steps.get(key);
    return { stepKey: key, epoch: step?.epoch ?? 0, held: step?.state === 'running' };
  }

  #cancelLoops(keys: readonly string[]): void {
    this.#add(keys.map((stepKey): NewEvent => ({ stepKey, kind: 'step.cancelled', data: {} })));
    this.#close.push(...keys);
  }

  async #endIteration({ loop, index, output, failure }: IterationEnd): Promise<void> {
    const stored = await this.#stored(output);
    const data = { index, output: stored, ...(failure === null ? {} : { failure }) };
    this.#add([{ stepKey: loop, kind: 'iteration.finished', data }]);
    this.#todo.push({ loop });
  }

  async #loopEnd(key: string, end: NonNullable<ReturnType<typeof planLoop>['end']>): Promise<NewEvent> {
    if (end === 'cancelled') return { stepKey: key, kind: 'step.cancelled', data: {} };
    const node = this.#graph.nodes.get(nodeOfStep(key))?.node;
    if (end !== 'succeeded' && node !== undefined) {
      const { code, message, hint } = end.failure;
      return failedEvent(key, node, {
        code: 'item_failed',
        message: `Item ${end.index} failed: ${message}`,
        node: node.id,
        ...(hint === undefined ? {} : { hint }),
        details: { index: end.index, code, node: end.failure.node ?? null },
      });
    }
    const loop = this.#state.steps.get(key)?.loop;
    const counts = { count: loop?.count ?? 0, failed: loop?.failed ?? 0 };
    const output = node?.config.collect === false ? counts : { ...counts, items: await this.#outputsOf(key, loop) };
    return { stepKey: key, kind: 'step.succeeded', data: { output: this.#pack(output), ports: ['done'] } };
  }

  /**
   * The outputs of a loop's iterations, in order of the items: out of the journal from where the loop began, so that a loop in a
   * loop does not read all that was before it, and of this append.
   */
  async #outputsOf(key: string, loop: LoopState | null | undefined): Promise<Json[]> {
    if (loop == null) return [];
    const outputs: Json[] = Array.from({ length: loop.count }, () => null);
    const take = async (event: JournalEvent | NewEvent): Promise<void> => {
      if (event.kind !== 'iteration.finished' || event.data.output === null) return;
      outputs[event.data.index] = await this.#planning.values.json(event.data.output);
    };
    const { journal, runId } = this.#planning;
    for (let after = loop.begunSeq, full = after <= this.#written; full; ) {
      const page = await journal.events(runId, { after, limit: PAGE, stepKey: key, structural: true });
      for (const event of page) await take(event);
      after = page.at(-1)?.seq ?? after;
      full = page.length === PAGE;
    }
    for (const event of this.#events) if (event.stepKey === key) await take(event);
    return outputs;
  }

  /** Takes the next pure step that is ready and does it. False when none may ride. */
  async #rideNext(): Promise<boolean> {
    if (!this.#planning.fastPath || this.#events.length >= MAX_RIDE) return false;
    const at = this.#waiting.findIndex((one) => this.#isPure(one));
    const [next] = at < 0 ? [] : this.#waiting.splice(at, 1);
    const node = next && this.#node(next)?.node;
    if (!next || !node) return false;
    const { events, blob, begins } = await pureEvents(
      { graph: this.#graph, state: this.#state, stepKey: next.key, node },
      this.#planning,
    );
    if (blob) this.#blobs.push(blob);
    this.#add(events);
    this.#todo.push(begins ? { loop: next.key } : { settled: next.key });
    return true;
  }

  #node(opening: Opening): GraphNode | undefined {
    return this.#graph.nodes.get(opening.node);
  }

  #isPure(opening: Opening): boolean {
    return nodeType(this.#node(opening)?.node.type ?? '')?.pure === true;
  }

  async #endRun(end: End): Promise<void> {
    this.#add([await this.#endEvent(end)]);
    this.#end = end.kind;
  }

  async #endEvent(end: End): Promise<NewEvent> {
    switch (end.kind) {
      case 'cancelled':
        return { stepKey: null, kind: 'run.cancelled', data: {} };
      case 'failed':
        return { stepKey: null, kind: 'run.failed', data: { failure: end.failure } };
      case 'succeeded':
        return { stepKey: null, kind: 'run.succeeded', data: { output: await this.#stored(end.output) } };
    }
  }

  async #stored(output: RunOutput): Promise<StoredValue | null> {
    if (output === null || !('leaves' in output)) return output;
    const loaded = new Map<string, Json>();
    for (const value of Object.values(output.leaves))
      if ('blob' in value) loaded.set(value.blob.sha256, await this.#planning.values.json(value));
    return this.#pack(runOutputValue(output, (value) => fromLoaded(value, loaded)));
  }

  #pack(value: Json): StoredValue {
    const { stored, blob } = packJson(value);
    if (blob) {
      this.#blobs.push(blob);
      this.#planning.values.remember(blob);
    }
    return stored;
  }

  /** The run goes on: one successor is kept on the fast path, the others are due for anybody. */
  #planned(): PlannedAppend {
    const openings = this.#end === null ? this.#waiting : [];
    const keep = this.#planning.fastPath ? (openings.find((one) => this.#mayKeep(one))?.key ?? null) : null;
    if (keep !== null) this.#add([startedEvent(keep, this.#planning.worker)]);
    return {
      events: this.#events,
      open: openings.map((one) => ({ stepKey: one.key, mine: one.key === keep, ...this.#limitOf(one) })),
      touch: this.#touch,
      close: this.#close.filter((key) => isClosed(this.#state, key)),
      blobs: this.#blobs,
      keep,
      ...(this.#end === null ? {} : { runState: this.#end }),
    };
  }

  /** A pure step is claimed and finished in one append, and a limited one must be claimed. */
  #mayKeep(opening: Opening): boolean {
    return !this.#isPure(opening) && this.#node(opening)?.node.limit === undefined;
  }

  #limitOf(opening: Opening): Pick<AppendRequest['open'][number], 'limit'> {
    const limit = this.#node(opening)?.node.limit;
    return limit === undefined ? {} : { limit };
  }
}

const isClosed = (state: RunState, key: string): boolean => {
  const step = state.steps.get(key);
  return step === undefined || isSettled(step);
};
