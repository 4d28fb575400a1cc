import type { Failure } from './event.ts';
import { isOver, type RunState, type StepState } from './fold.ts';
import { frontier, iterationAt, livePrefixes, type Opening, openedUnder } from './frontier.ts';
import { entersBody, type Graph } from './graph.ts';
import { type RunOutput, runOutput } from './run-output.ts';
import { type Iteration, iterationOfPrefix, nodeOfStep, prefixOf, prefixOfIteration } from './step-key.ts';

/*
 * What a run does next. Rules are local: each looks at one prefix, the steps outside of loops ('') or those of one
 * iteration, and says what follows there from what has settled there. An iteration that ends is bookkeeping of its loop
 * (`planLoop`), a loop that ends settles a step of the prefix around it, and so on outwards; whoever writes the events
 * goes that way, one decision after another, within one append.
 */

/** How a run ends. */
export type End =
  | { readonly kind: 'succeeded'; readonly output: RunOutput }
  | { readonly kind: 'failed'; readonly failure: Failure }
  | { readonly kind: 'cancelled' };

/** How an iteration ends: with the output of its last steps, or with the failure of one of them. */
export type IterationEnd = Iteration & { readonly output: RunOutput; readonly failure: Failure | null };

/** What follows from a state. `open` and `skip` are disjoint; with an `end` both are empty or only dead steps remain. */
export type Decision = {
  /** Ready steps to open, pure ones included, in document order of the edges that made them ready. */
  readonly open: readonly Opening[];
  /** Keys of steps on dead branches, each after those that made it dead: one `step.skipped` each. */
  readonly skip: readonly string[];
  /** Live steps whose branches lead only to a join that has gone on: to be stopped, and not waited for. */
  readonly leave: readonly string[];
  /** Loops among them: to be looked at with `planLoop` once their steps are asked to stop. */
  readonly leaveLoops: readonly string[];
  readonly end: End | null;
  readonly iteration: IterationEnd | null;
  /** With a failed `end` or `iteration`: steps that may still be queued or running. They are stopped first; the last to stop ends it. */
  readonly stop: readonly string[];
  /** Loops that end because what is around them does, the inner ones first: one `step.cancelled` each, once nothing is left to stop. */
  readonly cancel: readonly string[];
  /** A loop to look at next, with `planLoop`: it fails, and one of its other iterations has come to rest. */
  readonly look: string | null;
};

/** What a loop does next. */
export type LoopDecision = {
  /** Numbers of iterations to begin, in order. */
  readonly begin: readonly number[];
  /** Steps of these iterations to open. */
  readonly open: readonly Opening[];
  readonly end: 'succeeded' | 'cancelled' | { readonly failure: Failure; readonly index: number } | null;
  /** Live steps to stop because an iteration failed; the last to stop ends the loop. */
  readonly stop: readonly string[];
  /** Loops inside it that end with it, as in `Decision`. */
  readonly cancel: readonly string[];
};

const NOTHING: Decision = {
  open: [],
  skip: [],
  leave: [],
  leaveLoops: [],
  end: null,
  iteration: null,
  stop: [],
  cancel: [],
  look: null,
};
const REST: LoopDecision = { begin: [], open: [], end: null, stop: [], cancel: [] };

/**
 * What follows at the prefix of `settled`, the keys that the caller's own new events settled there (already folded into
 * `state`). It names each step exactly once over a run: readiness comes with the last settled edge, and the journal's version
 * orders the settlings. A run of n edges costs O(n) in all. Without `settled` it looks at all steps outside of loops and names
 * every ready one that has no event, also those already opened: for a start and for inspection.
 */
export function plan(graph: Graph, state: RunState, settled?: readonly string[]): Decision {
  if (state.startedAt === null || isOver(state)) return NOTHING;
  if (state.cancelRequested !== null) return endCancelled(state);
  const [first] = settled ?? [];
  const prefix = first === undefined ? '' : prefixOf(first);
  const given = givenUp(graph, state, prefix);
  if (given !== null) return given;
  return prefix === '' ? planOutside(graph, state, settled) : planIteration(graph, state, prefix, settled ?? []);
}

function endCancelled(state: RunState): Decision {
  if (state.live > 0) return NOTHING;
  return { ...NOTHING, end: { kind: 'cancelled' }, cancel: loopsUnder(state, '') };
}

function planOutside(graph: Graph, state: RunState, settled: readonly string[] | undefined): Decision {
  const failed = state.firstFailure === null ? [] : [state.firstFailure, ...(settled ?? state.steps.keys())];
  const failure = fatalFailure(graph, state, failed);
  if (failure !== null) {
    const stop = openedUnder(graph, state, '', settled ?? []);
    return { ...NOTHING, end: { kind: 'failed', failure }, stop, cancel: loopsUnder(state, '') };
  }
  const next = frontier(graph, state, '', settled);
  const done = state.settled + next.skip.length === graph.stepCount;
  const end: End | null = done ? { kind: 'succeeded', output: runOutput(graph, state) } : null;
  return { ...NOTHING, ...next, open: state.paused ? [] : next.open, end };
}

function planIteration(graph: Graph, state: RunState, prefix: string, settled: readonly string[]): Decision {
  const iteration = iterationOfPrefix(prefix);
  const at = iteration === null ? null : iterationAt(state, iteration);
  if (iteration === null || at === null) return NOTHING;
  const failure = at.firstFailure === null ? null : fatalFailure(graph, state, [at.firstFailure, ...settled]);
  if (failure !== null) {
    const stop = openedUnder(graph, state, prefix, settled);
    return { ...NOTHING, iteration: { ...iteration, output: null, failure }, stop, cancel: loopsUnder(state, prefix) };
  }
  const next = frontier(graph, state, prefix, settled);
  const done = at.settled + next.skip.length === (graph.bodies.get(nodeOfStep(iteration.loop))?.length ?? 0);
  const end = done ? { ...iteration, output: runOutput(graph, state, prefix), failure: null } : null;
  return { ...NOTHING, ...next, open: state.paused ? [] : next.open, iteration: end };
}

/** What a loop does after it has begun, or after an iteration has ended; nothing when what is around it ends it. */
export function planLoop(graph: Graph, state: RunState, key: string): LoopDecision {
  const loop = state.steps.get(key)?.loop ?? null;
  if (loop === null || isOver(state)) return REST;
  if (isEnding(graph, state, key)) {
    const atWork = loop.running.values().some((iteration) => iteration.live > 0);
    return atWork ? REST : { ...REST, end: 'cancelled', cancel: loopsUnder(state, `${key}[`) };
  }
  if (isFailingLoop(state, key)) {
    const stop = loop.running.keys().flatMap((index) => openedUnder(graph, state, `${key}[${index}]/`, []));
    return { ...REST, end: loop.failure, stop, cancel: loopsUnder(state, `${key}[`) };
  }
  const isEmpty = !graph.bodies.has(nodeOfStep(key));
  if (loop.finished === loop.count || isEmpty) return { ...REST, end: 'succeeded' };
  if (state.paused) return REST;
  const room = Math.min(loop.count - loop.begun, loop.concurrency - loop.running.size);
  const begin = Array.from({ length: Math.max(0, room) }, (_, i) => loop.begun + i);
  return { ...REST, begin, open: begin.flatMap((index) => firstSteps(graph, { loop: key, index })) };
}

/** The steps with which an iteration begins. */
function firstSteps(graph: Graph, iteration: Iteration): readonly Opening[] {
  const loop = nodeOfStep(iteration.loop);
  const prefix = prefixOfIteration(iteration);
  const body = graph.bodies.get(loop) ?? [];
  return body
    .filter((id) => graph.nodes.get(id)?.incoming.every((edge) => entersBody(graph.nodes, edge)))
    .map((id) => ({ key: prefix + id, node: id }));
}

/**
 * The steps to open after a pause: every ready one that has no row yet, in all iterations that run. `known` are the keys
 * that have rows. Loops with room are planned apart.
 */
export function planResume(graph: Graph, state: RunState, known: ReadonlySet<string>): readonly Opening[] {
  return livePrefixes(state)
    .filter((prefix) => !isFailing(graph, state, prefix) && givenUp(graph, state, prefix) === null)
    .flatMap((prefix) => frontier(graph, state, prefix, undefined).open)
    .filter(({ key }) => !known.has(key));
}

/** The failure that ends what is around these keys: the first of them that is fatal. */
function fatalFailure(graph: Graph, state: RunState, keys: readonly string[]): Failure | null {
  for (const key of keys) {
    const step = prefixOf(key) === prefixOf(keys[0] ?? '') ? state.steps.get(key) : undefined;
    if (step !== undefined && isFatal(graph, step)) return { ...(step.failure ?? UNKNOWN_FAILURE), node: step.node };
  }
  return null;
}

const UNKNOWN_FAILURE: Failure = { code: 'failed', message: 'The step failed.' };

/** Whether a failed step ends what is around it: what its writer said, else its node's policy. */
function isFatal(graph: Graph, step: StepState): boolean {
  if (step.state !== 'failed') return false;
  return !(step.continues ?? graph.nodes.get(step.node)?.node.onError !== 'fail');
}

/*
 * Given up: what runs in an iteration although nothing will come of it, because a step beside one of the loops around it
 * failed, another iteration of such a loop did, or a join does not wait for the loop any more. Nothing is opened there; when
 * no step is at work in the loop, it ends.
 */

/** What follows at a prefix that has been given up; null where all goes on. */
function givenUp(graph: Graph, state: RunState, prefix: string): Decision | null {
  let found: Decision | null = null;
  for (let at = iterationOfPrefix(prefix); at !== null; at = iterationOfPrefix(prefixOf(at.loop))) {
    const loop = state.steps.get(at.loop)?.loop ?? null;
    if (loop === null) continue;
    const atWork = loop.running.values().some((iteration) => iteration.live > 0);
    if (isLeft(graph, state, at.loop) || isFailing(graph, state, prefixOf(at.loop)))
      found = atWork ? NOTHING : { ...NOTHING, cancel: [...loopsUnder(state, `${at.loop}[`), at.loop] };
    else if (isFailingLoop(state, at.loop)) found = { ...NOTHING, look: at.loop };
  }
  return found;
}

/** Whether what is around a loop ends it. */
const isEnding = (graph: Graph, state: RunState, key: string): boolean =>
  state.cancelRequested !== null ||
  isLeft(graph, state, key) ||
  isFailing(graph, state, prefixOf(key)) ||
  givenUp(graph, state, prefixOf(key)) !== null;

/** Whether a loop ends because one of its iterations failed. */
function isFailingLoop(state: RunState, key: string): boolean {
  const loop = state.steps.get(key)?.loop ?? null;
  return loop !== null && loop.failure !== null && loop.onItemError === 'fail';
}

/** Whether a fatal failure stands at a prefix, so that all beside it ends. */
function isFailing(graph: Graph, state: RunState, prefix: string): boolean {
  const iteration = iterationOfPrefix(prefix);
  const first = iteration === null ? state.firstFailure : (iterationAt(state, iteration)?.firstFailure ?? null);
  return first !== null && fatalFailure(graph, state, [first]) !== null;
}

/** Whether a join beside this step has gone on without it. */
function isLeft(graph: Graph, state: RunState, key: string): boolean {
  const prefix = prefixOf(key);
  return graph.nodes.get(nodeOfStep(key))?.leftBy.some((join) => state.steps.has(prefix + join)) === true;
}

/** Keys of the loops that run below a prefix, the inner ones first. */
const loopsUnder = (state: RunState, prefix: string): readonly string[] =>
  state.loops.filter((key) => key.startsWith(prefix)).sort((a, b) => depth(b) - depth(a));

const depth = (key: string): number => key.split('/').length;
