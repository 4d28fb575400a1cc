import type { Edge } from './document.ts';
import { isSettled, type RunState, type StepState } from './fold.ts';
import { entersBody, type Graph, type GraphNode, leavingEdges } from './graph.ts';
import type { IterationState } from './loop-state.ts';
import { type Iteration, iterationOfPrefix, nodeOfStep, prefixOf } from './step-key.ts';

/** A step to open: its key and its node. */
export type Opening = { readonly key: string; readonly node: string };

/** What follows at one prefix. */
export type Frontier = {
  /** Ready steps, in document order of the edges that made them ready. */
  readonly open: readonly Opening[];
  /** Keys of steps that cannot be reached any more, each after those that made it so. */
  readonly skip: readonly string[];
  /** Live steps that a join does not wait for any more, and the loops among them. */
  readonly leave: readonly string[];
  readonly leaveLoops: readonly string[];
};

/** Whether an edge's source has fired it, will not, or may yet. */
export type Reach = 'pending' | 'arrived' | 'dead';

/** One look at the steps of one prefix. */
type Look = {
  readonly graph: Graph;
  readonly state: RunState;
  readonly prefix: string;
  /** Nodes found dead by this look. */
  readonly dead: Set<string>;
};

/**
 * Looks at the successors of what settled at a prefix, and of what dies by it; without `settled` at every node there, and then
 * it names ready steps that were opened before as well.
 */
export function frontier(
  graph: Graph,
  state: RunState,
  prefix: string,
  settled: readonly string[] | undefined,
): Frontier {
  const look: Look = { graph, state, prefix, dead: new Set() };
  const open = new Map<string, GraphNode>();
  const news = new Set(settled?.map(nodeOfStep));
  const queue = settled === undefined ? nodesAt(graph, prefix) : [...news].flatMap((id) => beside(graph, id));
  for (let i = 0; i < queue.length; i++) {
    const at = graph.nodes.get(queue[i] ?? '');
    if (at === undefined || at.trigger || open.has(at.node.id) || isKnown(look, at.node.id)) continue;
    const reach = nodeReach(look, at);
    if (reach === 'arrived' && !wasReady(look, at, settled && news)) open.set(at.node.id, at);
    if (reach !== 'dead') continue;
    look.dead.add(at.node.id);
    queue.push(...leavingEdges(graph.nodes, at).map((edge) => edge.to.node));
  }
  const left = settled === undefined ? NOTHING_LEFT : leaveBehind(look, open, news);
  const keyOf = (id: string): string => prefix + id;
  return {
    open: [...open.keys()].map((id) => ({ key: keyOf(id), node: id })),
    skip: [...look.dead].map(keyOf),
    ...left,
  };
}

const isKnown = ({ state, prefix, dead }: Look, id: string): boolean => dead.has(id) || state.steps.has(prefix + id);

const beside = (graph: Graph, id: string): readonly string[] => {
  const at = graph.nodes.get(id);
  return at === undefined ? [] : leavingEdges(graph.nodes, at).map((edge) => edge.to.node);
};

/** Nodes whose steps have this prefix, triggers left out. */
function nodesAt(graph: Graph, prefix: string): string[] {
  if (prefix !== '') return [...(graph.bodies.get(nodeOfStep(prefix.slice(0, -1))) ?? [])];
  return graph.order.filter((id) => graph.nodes.get(id)?.trigger === false && graph.nodes.get(id)?.loop === null);
}

/** Where the scan of a wide join found its last pending edge: only a hint, so a fan-in of n is not scanned n times. */
const watched = new WeakMap<GraphNode, number>();

/** Whether a node can begin: by default when an edge has arrived and none is pending; dead when all are. */
function nodeReach(look: Look, at: GraphNode): Reach {
  const needed = neededArrivals(at);
  return needed === null ? reachOfAll(look, at) : reachOfSome(look, at, needed, new Set());
}

/** How many arrivals are enough; null: all that can arrive. */
function neededArrivals({ node }: GraphNode): number | null {
  if (node.type !== 'join') return null;
  const { mode, count } = node.config;
  if (mode === 'any' || mode === 'first') return 1;
  return mode === 'quorum' ? (typeof count === 'number' ? count : 1) : null;
}

function reachOfAll(look: Look, at: GraphNode): Reach {
  const count = at.incoming.length;
  const from = watched.get(at) ?? 0;
  let arrived = false;
  for (let i = 0; i < count; i++) {
    const index = (from + i) % count;
    const edge = at.incoming[index];
    const reach = edge === undefined ? 'dead' : reachOfEdge(look, edge);
    if (reach === 'pending') {
      watched.set(at, index);
      return 'pending';
    }
    if (reach === 'arrived') arrived = true;
  }
  return arrived ? 'arrived' : 'dead';
}

/** A quorum that cannot be met any more begins too, and fails, unless nothing arrived at all. `not`: taken as pending. */
function reachOfSome(look: Look, at: GraphNode, needed: number, not: ReadonlySet<string>): Reach {
  const reaches = at.incoming.map((edge) => (not.has(edge.from.node) ? 'pending' : reachOfEdge(look, edge)));
  const arrived = reaches.filter((reach) => reach === 'arrived').length;
  const pending = reaches.filter((reach) => reach === 'pending').length;
  if (arrived >= needed) return 'arrived';
  if (arrived > 0 && arrived + pending < needed) return 'arrived';
  return pending > 0 ? 'pending' : arrived > 0 ? 'arrived' : 'dead';
}

/** Whether a join was ready before `news` settled, and so has been opened. */
function wasReady(look: Look, at: GraphNode, news: ReadonlySet<string> | undefined): boolean {
  const needed = neededArrivals(at);
  if (news === undefined || needed === null) return false;
  return reachOfSome(look, at, needed, new Set([...news, ...look.dead])) === 'arrived';
}

/**
 * Branches that lead only to joins that go on now, or have gone on: what was to be opened there is not, what nobody has begun
 * is skipped (both land in `dead`), and what is live is named.
 */
function leaveBehind(look: Look, open: Map<string, GraphNode>, news: ReadonlySet<string>): Left {
  const { graph, state, prefix, dead } = look;
  const joins = [...open.keys(), ...news].flatMap((id) => graph.nodes.get(id)?.lateBranches ?? []);
  const left = [...new Set(joins)].filter((id) => !isEnded(state.steps.get(prefix + id)) && !dead.has(id));
  if (left.length === 0) return NOTHING_LEFT;
  const before = frontier(graph, state, prefix, undefined).open.map(({ node }) => node);
  const opened = new Set(before.filter((id) => !open.has(id)));
  const leave: string[] = [];
  const leaveLoops: string[] = [];
  for (const id of left) {
    const key = prefix + id;
    const step = state.steps.get(key);
    open.delete(id);
    if (step?.loop != null) {
      leave.push(...openedUnder(graph, state, `${key}[`, []));
      leaveLoops.push(key);
    } else if (step !== undefined || opened.has(id)) leave.push(key);
    else dead.add(id);
  }
  return { leave, leaveLoops };
}

type Left = Pick<Frontier, 'leave' | 'leaveLoops'>;

const NOTHING_LEFT: Left = { leave: [], leaveLoops: [] };

const isEnded = (step: StepState | undefined): boolean => step !== undefined && isSettled(step);

/** An iteration that runs. */
export const iterationAt = (state: RunState, { loop, index }: Iteration): IterationState | null =>
  state.steps.get(loop)?.loop?.running.get(String(index)) ?? null;

/** '' and the prefixes of all iterations that run. */
export function livePrefixes(state: RunState): readonly string[] {
  const inside = state.loops.flatMap((key) => {
    const running = state.steps.get(key)?.loop?.running.keys() ?? [];
    return running.map((index) => `${key}[${index}]/`);
  });
  return ['', ...inside];
}

/** Steps below a prefix that have begun or were opened before, loops left out: all that must be stopped there. */
export function openedUnder(
  graph: Graph,
  state: RunState,
  prefix: string,
  settled: readonly string[],
): readonly string[] {
  return livePrefixes(state)
    .filter((one) => one.startsWith(prefix))
    .flatMap((one) => openedAt(graph, state, one, one === prefix ? settled : []));
}

/** The same for the steps of one prefix. What only becomes ready with this decision was never opened. */
function openedAt(graph: Graph, state: RunState, prefix: string, settled: readonly string[]): readonly string[] {
  const iteration = iterationOfPrefix(prefix);
  const keys = iteration === null ? state.steps.keys() : (iterationAt(state, iteration)?.keys ?? []);
  const begun = keys.filter((key) => {
    const step = state.steps.get(key);
    return step !== undefined && step.loop === null && !isSettled(step) && prefixOf(key) === prefix;
  });
  const fresh = new Set(settled.length === 0 ? [] : frontier(graph, state, prefix, settled).open.map(({ key }) => key));
  const ready = frontier(graph, state, prefix, undefined).open.map(({ key }) => key);
  return [...begun, ...ready.filter((key) => !fresh.has(key))];
}

function reachOfEdge({ graph, state, prefix, dead }: Look, edge: Edge): Reach {
  if (entersBody(graph.nodes, edge)) return 'arrived';
  const source = graph.nodes.get(edge.from.node);
  if (source === undefined || dead.has(edge.from.node)) return 'dead';
  if (source.trigger) return state.trigger?.node === edge.from.node && edge.from.port === 'out' ? 'arrived' : 'dead';
  const step = state.steps.get(prefix + edge.from.node);
  if (step === undefined || !isSettled(step)) return 'pending';
  return firedPorts(source, step).includes(edge.from.port) ? 'arrived' : 'dead';
}

/** Whether an edge at a prefix has been fired by its source, never will be, or may yet. */
export const edgeReach = (graph: Graph, edge: Edge, state: RunState, prefix = ''): Reach =>
  reachOfEdge({ graph, state, prefix, dead: new Set() }, edge);

/** Ports by which a settled step went on. A failure that continues leaves by `out`, or by `else` at a branch. */
function firedPorts(source: GraphNode, step: StepState): readonly string[] {
  if (step.state === 'succeeded') return step.ports;
  if (step.state !== 'failed' || step.continues === false) return [];
  if (source.node.onError === 'port') return ['error'];
  if (source.node.onError === 'continue' || step.continues === true) return GOES_ON_BY[source.node.type] ?? ['out'];
  return [];
}

const GOES_ON_BY: Readonly<Record<string, readonly string[]>> = {
  branch: ['else'],
  loop: ['done'],
  approval: ['rejected'],
};
