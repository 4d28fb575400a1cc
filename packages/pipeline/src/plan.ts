import type { Edge } from './document.ts';
import type { Failure } from './event.ts';
import { isOver, isSettled, type RunState, type StepState } from './fold.ts';
import type { Graph, GraphNode } from './graph.ts';
import { type RunOutput, runOutput } from './run-output.ts';

/** A step to open: its key and its node. */
export type Opening = { readonly key: string; readonly node: string };

/** How a run ends. */
export type End =
  | { readonly kind: 'succeeded'; readonly output: RunOutput }
  | { readonly kind: 'failed'; readonly failure: Failure }
  | { readonly kind: 'cancelled' };

/** What follows from a state. `open` and `skip` are disjoint; with an `end` both are empty or only dead steps remain. */
export type Decision = {
  /** Ready steps to open, pure ones included, in document order of the edges that made them ready. */
  readonly open: readonly Opening[];
  /** Keys of steps on dead branches, each after those that made it dead: one `step.skipped` each. */
  readonly skip: readonly string[];
  readonly end: End | null;
  /** With a `failed` end: steps that may still be queued or running and must be stopped. */
  readonly stop: readonly string[];
};

const NOTHING: Decision = { open: [], skip: [], end: null, stop: [] };

type Reach = 'pending' | 'arrived' | 'dead';

/**
 * What a run does next (join mode `all`, dead branches count as arrived-empty).
 *
 * With `settled`, the keys that the caller's own new events settled (already folded into `state`), it looks only at
 * what follows them and so names each step exactly once over a run: readiness comes with the last settled edge, and the
 * journal's version orders the settlings. A run of n edges costs O(n) in all. Without `settled` it looks at the whole
 * graph and names every ready step that has no event, also those already opened: for a start and for inspection.
 */
export function plan(graph: Graph, state: RunState, settled?: readonly string[]): Decision {
  if (state.startedAt === null || isOver(state)) return NOTHING;
  if (state.cancelRequested !== null) return state.live === 0 ? { ...NOTHING, end: { kind: 'cancelled' } } : NOTHING;
  const fatal = fatalFailure(graph, state, settled);
  if (fatal !== null)
    return { ...NOTHING, end: { kind: 'failed', failure: fatal }, stop: opened(graph, state, settled) };
  const { open, skip } = frontier(graph, state, settled);
  const done = state.settled + skip.length === graph.stepCount;
  return {
    open: state.paused ? [] : open,
    skip,
    end: done ? { kind: 'succeeded', output: runOutput(graph, state) } : null,
    stop: [],
  };
}

/** The failure that ends the run: of the keys just settled, or one before them that still waits for others to stop. */
function fatalFailure(graph: Graph, state: RunState, settled: readonly string[] | undefined): Failure | null {
  const keys = state.firstFailure === null ? [] : [state.firstFailure, ...(settled ?? state.steps.keys())];
  for (const key of keys) {
    const step = state.steps.get(key);
    if (step !== undefined && isFatal(graph, step)) return { ...(step.failure ?? UNKNOWN_FAILURE), node: step.node };
  }
  return null;
}

const UNKNOWN_FAILURE: Failure = { code: 'failed', message: 'The step failed.' };

/** Whether a failed step ends its run: what its writer said, else its node's policy. */
function isFatal(graph: Graph, step: StepState): boolean {
  if (step.state !== 'failed') return false;
  return !(step.continues ?? graph.nodes.get(step.node)?.node.onError !== 'fail');
}

/** Looks at the successors of what settled, and of what dies by it. */
function frontier(
  graph: Graph,
  state: RunState,
  settled: readonly string[] | undefined,
): Pick<Decision, 'open' | 'skip'> {
  const open: Opening[] = [];
  const dead = new Set<string>();
  const looked = new Set<string>();
  const queue: string[] =
    settled === undefined
      ? graph.order.filter((id) => graph.nodes.get(id)?.trigger === false)
      : successors(graph, settled);
  for (let i = 0; i < queue.length; i++) {
    const id = queue[i];
    const at = id === undefined ? undefined : graph.nodes.get(id);
    if (at === undefined || at.trigger || dead.has(at.node.id) || looked.has(at.node.id) || state.steps.has(at.node.id))
      continue;
    const reach = reachOf(graph, at, state, dead);
    if (reach === 'pending') continue;
    if (reach === 'arrived') {
      looked.add(at.node.id);
      open.push({ key: at.node.id, node: at.node.id });
    } else {
      dead.add(at.node.id);
      for (const edge of at.outgoing) queue.push(edge.to.node);
    }
  }
  return { open, skip: [...dead] };
}

function successors(graph: Graph, keys: readonly string[]): string[] {
  return keys.flatMap((key) => (graph.nodes.get(key)?.outgoing ?? []).map((edge) => edge.to.node));
}

/** Where the scan of a wide join found its last pending edge: only a hint, so a fan-in of n is not scanned n times. */
const watched = new WeakMap<GraphNode, number>();

/** A node has arrived when an edge has and none is pending; it is dead when all are. */
function reachOf(graph: Graph, at: GraphNode, state: RunState, dead: ReadonlySet<string>): Reach {
  const count = at.incoming.length;
  const from = watched.get(at) ?? 0;
  let arrived = false;
  for (let i = 0; i < count; i++) {
    const index = (from + i) % count;
    const edge = at.incoming[index];
    const reach = edge === undefined ? 'dead' : edgeReach(graph, edge, state, dead);
    if (reach === 'pending') {
      watched.set(at, index);
      return 'pending';
    }
    if (reach === 'arrived') arrived = true;
  }
  return arrived ? 'arrived' : 'dead';
}

/** Whether an edge's source has fired it, never will, or may yet. */
export function edgeReach(graph: Graph, edge: Edge, state: RunState, dead: ReadonlySet<string> = new Set()): Reach {
  const source = graph.nodes.get(edge.from.node);
  if (source === undefined || dead.has(edge.from.node)) return 'dead';
  if (source.trigger) return state.trigger?.node === edge.from.node && edge.from.port === 'out' ? 'arrived' : 'dead';
  const step = state.steps.get(edge.from.node);
  if (step === undefined || !isSettled(step)) return 'pending';
  return firedPorts(source, step).includes(edge.from.port) ? 'arrived' : 'dead';
}

/** Ports by which a settled step went on. A failure that continues leaves by `out`, or by `else` at a branch. */
function firedPorts(source: GraphNode, step: StepState): readonly string[] {
  if (step.state === 'succeeded') return step.ports;
  if (step.state !== 'failed' || step.continues === false) return [];
  if (source.node.onError === 'port') return ['error'];
  if (source.node.onError === 'continue' || step.continues === true) return ['out', 'else'];
  return [];
}

/** Steps that have begun or were opened before: all that a failing run must stop. */
function opened(graph: Graph, state: RunState, settled: readonly string[] | undefined): readonly string[] {
  const begun = state.steps
    .values()
    .filter((step) => !isSettled(step))
    .map((step) => step.key);
  const ready = frontier(graph, state, undefined).open.map((one) => one.key);
  // What only becomes ready with this decision was never opened.
  const fresh = new Set(settled === undefined ? [] : frontier(graph, state, settled).open.map((one) => one.key));
  return [...begun, ...ready.filter((key) => !fresh.has(key))];
}
