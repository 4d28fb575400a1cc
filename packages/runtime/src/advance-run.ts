import type { AppendRequest, BlobContent, LiveStep, RunRowState } from '@switchyard/journal';
import { packJson } from '@switchyard/journal';
import {
  type End,
  evaluatePure,
  foldNew,
  type Graph,
  type Json,
  type NewEvent,
  type Node,
  nodeType,
  type Opening,
  plan,
  type RunState,
  runOutputValue,
  type Scope,
  type StoredValue,
  scopeOf,
  valuesNeeded,
} from '@switchyard/pipeline';
import type { ValueReader } from './values.ts';

/*
 * What follows from a step's end, all of it for one append: skips of dead branches, the chain of pure steps that became
 * ready (fast path), steps to open, steps to stop, the end of the run. Nothing is written here.
 *
 * Pure steps are taken one by one in the order in which a queue would bring them, so the events are the same, and in the
 * same order, as when each has a row and a job of its own.
 */

/** How an append is planned. */
export type Planning = {
  readonly values: ValueReader;
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
export type PlannedAppend = Required<Pick<AppendRequest, 'events' | 'open' | 'touch' | 'blobs'>> & {
  readonly runState?: RunRowState;
  /** The successor that this worker holds once the append is done. */
  readonly keep: string | null;
};

/** Plans what follows when `own` events, which settle step `settled`, are written next. */
export async function planAppend(
  graph: Graph,
  state: RunState,
  own: { readonly events: readonly NewEvent[]; readonly settled: string },
  planning: Planning,
): Promise<PlannedAppend> {
  const draft = new Draft(graph, state, planning);
  draft.add(own.events);
  const waiting: Opening[] = [];
  let settled: string | null = own.settled;
  while (settled !== null) {
    const { open, skip, end, stop } = plan(graph, draft.state, [settled]);
    draft.add(skip.map((stepKey): NewEvent => ({ stepKey, kind: 'step.skipped', data: {} })));
    waiting.push(...open);
    if (end !== null) return draft.ending(end, stop, waiting);
    settled = await draft.rideNext(waiting);
  }
  return draft.opening(waiting);
}

/** What a node's config sees in this state. */
export async function scopeFor(graph: Graph, state: RunState, node: Node, values: ValueReader): Promise<Scope> {
  const loaded = new Map<string, Json>();
  for (const value of valuesNeeded(graph, state, node))
    if ('blob' in value) loaded.set(value.blob.sha256, await values.json(value));
  return scopeOf(graph, state, node, (value) => fromLoaded(value, loaded));
}

function fromLoaded(value: StoredValue, loaded: ReadonlyMap<string, Json>): Json {
  return 'inline' in value ? value.inline : (loaded.get(value.blob.sha256) ?? null);
}

const startedEvent = (stepKey: string, worker: number): NewEvent => ({
  stepKey,
  kind: 'step.started',
  data: { attempt: 1, crashes: 0, worker },
});

/** A pure step and the state it is evaluated in. */
export type PureStep = {
  readonly graph: Graph;
  readonly state: RunState;
  readonly stepKey: string;
  readonly node: Node;
};

/** The events a pure step writes: its start and its end, whatever that is. Its output may be a blob. */
export async function pureEvents(
  { graph, state, stepKey, node }: PureStep,
  by: Pick<Planning, 'values' | 'worker'>,
): Promise<{ readonly events: readonly NewEvent[]; readonly blob: BlobContent | null }> {
  const started = startedEvent(stepKey, by.worker);
  const result = evaluatePure(node, await scopeFor(graph, state, node, by.values));
  if ('failure' in result) {
    const continues = node.onError === 'fail' ? {} : { continues: true };
    return {
      events: [started, { stepKey, kind: 'step.failed', data: { failure: result.failure, ...continues } }],
      blob: null,
    };
  }
  const { stored, blob } = packJson(result.output);
  if (blob) by.values.remember(blob);
  return {
    events: [started, { stepKey, kind: 'step.succeeded', data: { output: stored, ports: [...result.ports] } }],
    blob,
  };
}

/** An append being put together. */
class Draft {
  readonly #graph: Graph;
  readonly #planning: Planning;
  readonly #events: NewEvent[] = [];
  readonly #blobs: BlobContent[] = [];
  #state: RunState;

  constructor(graph: Graph, state: RunState, planning: Planning) {
    this.#graph = graph;
    this.#state = state;
    this.#planning = planning;
  }

  get state(): RunState {
    return this.#state;
  }

  add(events: readonly NewEvent[]): void {
    this.#state = foldNew(this.#state, events, this.#planning.at);
    this.#events.push(...events);
  }

  /** Takes the next pure step out of `waiting` and does it; its key, or null when none may ride. */
  async rideNext(waiting: Opening[]): Promise<string | null> {
    if (!this.#planning.fastPath) return null;
    const at = waiting.findIndex((one) => this.#isPure(one));
    const [next] = at < 0 ? [] : waiting.splice(at, 1);
    const node = next && this.#graph.nodes.get(next.node)?.node;
    if (!next || !node) return null;
    const { events, blob } = await pureEvents(
      { graph: this.#graph, state: this.#state, stepKey: next.key, node },
      this.#planning,
    );
    if (blob) this.#blobs.push(blob);
    this.add(events);
    return next.key;
  }

  #isPure(opening: Opening): boolean {
    return nodeType(this.#graph.nodes.get(opening.node)?.node.type ?? '')?.pure === true;
  }

  /** The run goes on: one successor is kept on the fast path, the others are due for anybody. */
  opening(openings: readonly Opening[]): PlannedAppend {
    const keep = this.#planning.fastPath ? (openings[0]?.key ?? null) : null;
    if (keep !== null) this.add([startedEvent(keep, this.#planning.worker)]);
    return {
      events: this.#events,
      open: openings.map(({ key }) => ({ stepKey: key, mine: key === keep })),
      touch: [],
      blobs: this.#blobs,
      keep,
    };
  }

  /** The run ends, at once or with the last of the steps that are stopped here. */
  async ending(end: End, stop: readonly string[], unopened: readonly Opening[]): Promise<PlannedAppend> {
    const { touch, isHeld } = this.#stopping(stop.filter((key) => !unopened.some((one) => one.key === key)));
    this.add(
      stop.filter((key) => !isHeld(key)).map((stepKey): NewEvent => ({ stepKey, kind: 'step.cancelled', data: {} })),
    );
    const rest = { events: this.#events, open: [], touch, blobs: this.#blobs, keep: null };
    if (stop.some(isHeld)) return rest; // the last holder ends the run
    this.add([await this.#endEvent(end)]);
    return { ...rest, runState: end.kind };
  }

  #stopping(keys: readonly string[]): {
    readonly touch: AppendRequest['touch'];
    readonly isHeld: (key: string) => boolean;
  } {
    const { live } = this.#planning;
    const rows = keys.map((key): LiveStep | null => {
      if (live) return live.find((row) => row.stepKey === key) ?? null;
      // A guess from the fold: where it is wrong nothing is written, and `behind` brings the rows.
      const step = this.#state.steps.get(key);
      return { stepKey: key, epoch: step?.epoch ?? 0, held: step?.state === 'running' };
    });
    const known = rows.filter((row) => row !== null);
    const held = new Set(known.filter((row) => row.held).map((row) => row.stepKey));
    return {
      touch: known.map(({ stepKey, epoch }) => ({ stepKey, epoch, to: 'cancelled' })),
      isHeld: (key) => held.has(key),
    };
  }

  async #endEvent(end: End): Promise<NewEvent> {
    switch (end.kind) {
      case 'cancelled':
        return { stepKey: null, kind: 'run.cancelled', data: {} };
      case 'failed':
        return { stepKey: null, kind: 'run.failed', data: { failure: end.failure } };
      case 'succeeded':
        return { stepKey: null, kind: 'run.succeeded', data: { output: await this.#output(end.output) } };
    }
  }

  async #output(output: Extract<End, { kind: 'succeeded' }>['output']): Promise<StoredValue | null> {
    if (output === null || !('leaves' in output)) return output;
    const loaded = new Map<string, Json>();
    for (const value of Object.values(output.leaves))
      if ('blob' in value) loaded.set(value.blob.sha256, await this.#planning.values.json(value));
    const { stored, blob } = packJson(runOutputValue(output, (value) => fromLoaded(value, loaded)));
    if (blob) this.#blobs.push(blob);
    return stored;
  }
}
