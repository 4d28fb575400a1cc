import {
  type End,
  type EventBody,
  emptyRun,
  evaluatePure,
  foldNew,
  type Graph,
  type Json,
  type NewEvent,
  type Node,
  type Opening,
  plan,
  type RunState,
  type StoredValue,
  scopeOf,
} from '@switchyard/pipeline';
import type { BlobContent } from './contract.ts';
import { packJson } from './pack.ts';

/*
 * The fast path of a start: pure steps that are ready ride in the transaction that makes the run, in the order in which a
 * queue would bring them. A hook whose pipeline is pure is one commit, and its answer is known with it. What is not among
 * RIDERS, or has a limit, is opened for a worker as ever; so is the rest of a long chain.
 */

type Started = Extract<EventBody, { kind: 'run.started' }>;

/** What a start writes after `run.started`. */
export type RiddenStart = {
  readonly events: readonly NewEvent[];
  readonly blobs: readonly BlobContent[];
  readonly open: readonly Opening[];
  readonly end: End | null;
  /** The JSON of a value of this run. */
  readonly load: (value: StoredValue) => Json;
};

const RIDERS: ReadonlySet<string> = new Set(['branch', 'transform', 'respond']);
/** The server has other callers too. */
const MOST_RIDDEN = 50;
/** No worker has begun these steps. */
const NOBODY = 0;

/** Plans a start and takes the pure steps along. `input` is that of `started`, as JSON. Throws when the trigger is not one of this graph. */
export function rideStart(graph: Graph, started: Started, input: Json): RiddenStart {
  const trigger = started.data.trigger.node;
  if (!graph.triggers.includes(trigger)) throw new Error(`"${trigger}" is not a trigger of this pipeline`);
  const ride = new Ride(graph, started, input);
  let settled: readonly string[] | undefined;
  for (let ridden = 0; ; ridden++) {
    const { skip, open, end, stop } = plan(graph, ride.state, settled);
    ride.write(skip.map((stepKey): NewEvent => ({ stepKey, kind: 'step.skipped', data: {} })));
    ride.waiting.push(...open);
    if (end !== null) {
      ride.write(stop.map((stepKey): NewEvent => ({ stepKey, kind: 'step.cancelled', data: {} })));
      return ride.result(end);
    }
    const key = ridden < MOST_RIDDEN ? ride.next() : null;
    if (key === null) return ride.result(null);
    settled = [key];
  }
}

class Ride {
  readonly waiting: Opening[] = [];
  readonly #graph: Graph;
  readonly #input: Json;
  readonly #inputSha: string | null;
  readonly #events: NewEvent[] = [];
  readonly #blobs: BlobContent[] = [];
  #state: RunState;

  constructor(graph: Graph, started: Started, input: Json) {
    this.#graph = graph;
    this.#input = input;
    this.#inputSha = 'blob' in started.data.input ? started.data.input.blob.sha256 : null;
    this.#state = foldNew(emptyRun(), [{ ...started, stepKey: null }], '');
  }

  get state(): RunState {
    return this.#state;
  }

  write(events: readonly NewEvent[]): void {
    this.#state = foldNew(this.#state, events, '');
    this.#events.push(...events);
  }

  /** Does the next step that may ride; its key, or null when there is none. */
  next(): string | null {
    const at = this.waiting.findIndex((one) => mayRide(this.#graph.nodes.get(one.node)?.node));
    const [taken] = at < 0 ? [] : this.waiting.splice(at, 1);
    const node = taken && this.#graph.nodes.get(taken.node)?.node;
    if (!taken || !node) return null;
    this.write(this.#done(taken.key, node));
    return taken.key;
  }

  #done(stepKey: string, node: Node): readonly NewEvent[] {
    const started: NewEvent = {
      stepKey,
      kind: 'step.started',
      data: { attempt: 1, crashes: 0, worker: NOBODY },
    };
    const result = evaluatePure(node, scopeOf(this.#graph, this.#state, { node, key: stepKey }, this.load));
    if ('failure' in result) {
      const continues = node.onError === 'fail' ? {} : { continues: true };
      return [started, { stepKey, kind: 'step.failed', data: { failure: result.failure, ...continues } }];
    }
    const { stored, blob } = packJson(result.output);
    if (blob) this.#blobs.push(blob);
    return [started, { stepKey, kind: 'step.succeeded', data: { output: stored, ports: [...result.ports] } }];
  }

  readonly load = (value: StoredValue): Json => {
    if ('inline' in value) return value.inline;
    const { sha256 } = value.blob;
    if (sha256 === this.#inputSha) return this.#input;
    const blob = this.#blobs.find((one) => one.sha256 === sha256);
    return blob === undefined ? null : (JSON.parse(blob.bytes.toString('utf8')) as Json);
  };

  result(end: End | null): RiddenStart {
    const open = end === null ? this.waiting : [];
    return { events: this.#events, blobs: this.#blobs, open, end, load: this.load };
  }
}

const mayRide = (node: Node | undefined): boolean =>
  node !== undefined && RIDERS.has(node.type) && node.limit === undefined;
