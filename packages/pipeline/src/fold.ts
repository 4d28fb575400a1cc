import { type AgentSummary, emptyAgent, foldAgentSummary } from './agent-summary.ts';
import { EVENT_KINDS, type Failure, type NewEvent, type RunEvent, type StoredValue } from './event.ts';
import {
  type IterationChange,
  type LoopState,
  loopOf,
  withChange,
  withIteration,
  withoutIteration,
} from './loop-state.ts';
import { PersistentMap } from './persistent-map.ts';
import { type Iteration, iterationOf, nodeOfStep } from './step-key.ts';

/** Shown state of a step. `queued` here means: in retry back-off; a step nobody has started has no entry. */
export type StepShown = 'queued' | 'running' | 'waiting' | 'succeeded' | 'failed' | 'skipped' | 'cancelled';

/** Shown state of a run: `waiting` while all its live steps wait, `paused` while it opens nothing. */
export type RunShown = 'queued' | 'running' | 'waiting' | 'paused' | 'succeeded' | 'failed' | 'cancelled';

/** One step as its events tell it. */
export type StepState = {
  readonly key: string;
  /** The node's id: the last part of the key, without its iteration. */
  readonly node: string;
  readonly state: StepShown;
  readonly attempt: number;
  readonly crashes: number;
  readonly epoch: number | null;
  /** Set when it succeeded. */
  readonly output: StoredValue | null;
  /** Ports that fired, when it succeeded. */
  readonly ports: readonly string[];
  /** Of the last attempt: also set while it is queued for a retry. */
  readonly failure: Failure | null;
  /** Whether the writer of `step.failed` said that the run goes on; null when it left that to the node's policy. */
  readonly continues: boolean | null;
  readonly waitsFor: {
    readonly reason: string;
    readonly until: string | null;
    /** The run that is waited for, with reason `child`. */
    readonly child: string | null;
  } | null;
  /** ISO 8601, of the first attempt. */
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  /** Seq of the event that settled it, 0 before. */
  readonly settledSeq: number;
  /** Of agent steps; null for others. */
  readonly agent: AgentSummary | null;
  /** Of loops whose iterations have begun; null for others. Such a step holds no worker: it runs while its iterations do. */
  readonly loop: LoopState | null;
};

/** A run as its events tell it. Immutable; shares what did not change with the state it was folded from. */
export type RunState = {
  readonly runId: string | null;
  /** Of the last event folded. */
  readonly seq: number;
  readonly state: RunShown;
  readonly trigger: { readonly node: string; readonly kind: string; readonly firing?: string | undefined } | null;
  readonly input: StoredValue | null;
  readonly revision: { readonly id: string; readonly number: number | null; readonly hash: string } | null;
  /** All steps seen, but for those of long ended iterations (see ITERATIONS_KEPT). */
  readonly steps: PersistentMap<StepState>;
  /** Steps begun and not ended, loops left out. Steps opened and not yet started are only in the journal's rows. */
  readonly live: number;
  readonly waiting: number;
  /** Steps outside of loops that have ended. */
  readonly settled: number;
  /** Keys of loops whose iterations run. */
  readonly loops: readonly string[];
  /** The step that called this run and waits for its end. */
  readonly parent: { readonly run: string; readonly step: string; readonly depth: number } | null;
  readonly paused: boolean;
  /** Key of the first step outside of loops that failed without saying that the run goes on; its node's policy decides. */
  readonly firstFailure: string | null;
  readonly cancelRequested: { readonly by: string; readonly reason: string | null } | null;
  readonly output: StoredValue | null;
  readonly failure: Failure | null;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
};

/** This build does not know an event: a newer worker wrote it. The run must be left to such a worker. */
export class NeedsNewerWorker extends Error {
  override readonly name = 'NeedsNewerWorker';
  readonly code = 'needs_newer_worker';
  readonly kind: string;

  constructor(kind: string, seq: number) {
    super(`event ${seq} is of kind "${kind}", which this version does not know`);
    this.kind = kind;
  }
}

/** A run of which nothing is known yet. */
export function emptyRun(): RunState {
  return {
    runId: null,
    seq: 0,
    state: 'queued',
    trigger: null,
    input: null,
    revision: null,
    steps: PersistentMap.empty(),
    live: 0,
    waiting: 0,
    settled: 0,
    loops: [],
    parent: null,
    paused: false,
    firstFailure: null,
    cancelRequested: null,
    output: null,
    failure: null,
    startedAt: null,
    finishedAt: null,
  };
}

/**
 * The state after more events, in order of `seq`. Folding a journal at once or in pieces gives the same; events already
 * folded are passed over, so a doubled delivery is harmless. Gaps are allowed: who leaves out in-step events sees no
 * turns. Throws `NeedsNewerWorker` on an unknown kind, changing nothing.
 */
export function foldRun(state: RunState, events: readonly RunEvent[]): RunState {
  return events.reduce((at, event) => (event.seq > at.seq ? foldOne(at, event) : at), state);
}

/** The state as it will be when these events are written next: numbered on from its `seq`, all at the time `at`. */
export function foldNew(state: RunState, events: readonly NewEvent[], at: string): RunState {
  const numbered = events.map((event, i): RunEvent => ({ ...event, seq: state.seq + 1 + i, at }));
  return foldRun(state, numbered);
}

const KNOWN: ReadonlySet<string> = new Set(EVENT_KINDS);

function foldOne(state: RunState, event: RunEvent): RunState {
  if (!KNOWN.has(event.kind)) throw new NeedsNewerWorker(event.kind, event.seq);
  const numbered: RunState = { ...state, seq: event.seq, runId: event.runId ?? state.runId };
  const next = event.stepKey === null ? foldRunEvent(numbered, event) : foldStepEvent(numbered, event.stepKey, event);
  return { ...next, state: shown(next) };
}

const TERMINAL: ReadonlySet<RunShown> = new Set(['succeeded', 'failed', 'cancelled']);

/** Whether a run has ended. */
export const isOver = (state: Pick<RunState, 'state'>) => TERMINAL.has(state.state);

function shown(state: RunState): RunShown {
  if (TERMINAL.has(state.state) || state.startedAt === null) return state.state;
  if (state.paused) return 'paused';
  return state.live > 0 && state.live === state.waiting ? 'waiting' : 'running';
}

/** A run that ends early takes its loops with it. */
function endLoops(state: RunState, at: string): RunState {
  const steps = state.loops.reduce((ended, key) => {
    const step = ended.get(key);
    return step === undefined ? ended : ended.with(key, { ...step, state: 'cancelled', finishedAt: at });
  }, state.steps);
  return { ...state, steps, loops: NO_LOOPS };
}

function foldRunEvent(state: RunState, event: RunEvent): RunState {
  switch (event.kind) {
    case 'run.started':
      return {
        ...state,
        state: 'running',
        trigger: event.data.trigger,
        input: event.data.input,
        revision: event.data.revision,
        parent: event.data.parent ?? null,
        startedAt: event.at,
      };
    case 'run.paused':
      return { ...state, paused: true };
    case 'run.resumed':
      return { ...state, paused: false };
    case 'run.cancel_requested':
      return { ...state, cancelRequested: { by: event.data.by, reason: event.data.reason ?? null } };
    case 'run.succeeded':
      return { ...state, state: 'succeeded', output: event.data.output, finishedAt: event.at };
    case 'run.failed':
      return { ...endLoops(state, event.at), state: 'failed', failure: event.data.failure, finishedAt: event.at };
    case 'run.cancelled':
      return { ...endLoops(state, event.at), state: 'cancelled', finishedAt: event.at };
    default:
      return state;
  }
}

const SETTLED: ReadonlySet<StepShown> = new Set(['succeeded', 'failed', 'skipped', 'cancelled']);

/** Whether a step has ended, by whatever way. */
export const isSettled = (step: Pick<StepState, 'state'>) => SETTLED.has(step.state);

function foldStepEvent(state: RunState, key: string, event: RunEvent): RunState {
  const before = state.steps.get(key);
  if (event.kind === 'iteration.finished') return foldIterationEnd(state, before, event);
  const after = foldStep(before ?? newStep(key), event);
  if (after === before) return state;
  const change: IterationChange = {
    live: count(after, isLive) - count(before, isLive),
    settled: count(after, isSettled) - count(before, isSettled),
    failed: after.state === 'failed' && after.continues !== true ? key : null,
    began: before === undefined ? key : null,
  };
  const iteration = iterationOf(key);
  const next: RunState = {
    ...state,
    steps: state.steps.with(key, after),
    live: state.live + change.live,
    waiting: state.waiting + count(after, isWaiting) - count(before, isWaiting),
    firstFailure: state.firstFailure ?? (iteration === null ? change.failed : null),
    settled: state.settled + (iteration === null ? change.settled : 0),
    loops: loopsAfter(state.loops, key, after),
  };
  return iteration === null ? next : changeIterations(next, iteration, change);
}

/** The iterations around a step learn of it: the innermost all of it, those further out how many steps are at work in them. */
function changeIterations(state: RunState, innermost: Iteration, change: IterationChange): RunState {
  if (change.live === 0 && change.settled === 0 && change.began === null) return state;
  let steps = state.steps;
  let part = change;
  for (let iteration: Iteration | null = innermost; iteration !== null; iteration = iterationOf(iteration.loop)) {
    const step = steps.get(iteration.loop);
    if (step === undefined || step.loop === null) break;
    steps = steps.with(iteration.loop, { ...step, loop: withChange(step.loop, iteration.index, part) });
    if (change.live === 0) break;
    part = { live: change.live, settled: 0, failed: null, began: null };
  }
  return { ...state, steps };
}

function foldIterationEnd(
  state: RunState,
  step: StepState | undefined,
  event: Extract<RunEvent, { kind: 'iteration.finished' }>,
): RunState {
  if (step === undefined || step.loop === null) return state;
  const { loop, forgotten } = withoutIteration(step.loop, event.data);
  const steps = forgotten.reduce(forget, state.steps);
  return { ...state, steps: steps.with(step.key, { ...step, loop }) };
}

/** Leaves a step out, with what is kept of the loop it may be. */
function forget(steps: PersistentMap<StepState>, key: string): PersistentMap<StepState> {
  const inner = steps.get(key)?.loop?.kept.flatMap((iteration) => iteration.keys) ?? [];
  return inner.reduce(forget, steps).without(key);
}

const NO_LOOPS: readonly string[] = [];

function loopsAfter(loops: readonly string[], key: string, after: StepState): readonly string[] {
  if (after.loop === null) return loops;
  if (!isSettled(after)) return loops.includes(key) ? loops : [...loops, key];
  const rest = loops.filter((one) => one !== key);
  return rest.length === 0 ? NO_LOOPS : rest;
}

const isLive = (step: StepState) => !isSettled(step) && step.loop === null;
const isWaiting = (step: StepState) => step.state === 'waiting' && step.loop === null;
const count = (step: StepState | undefined, is: (step: StepState) => boolean) =>
  step !== undefined && is(step) ? 1 : 0;

function newStep(key: string): StepState {
  return {
    key,
    node: nodeOfStep(key),
    state: 'queued',
    attempt: 1,
    crashes: 0,
    epoch: null,
    output: null,
    ports: [],
    failure: null,
    continues: null,
    waitsFor: null,
    startedAt: null,
    finishedAt: null,
    settledSeq: 0,
    agent: null,
    loop: null,
  };
}

function foldStep(step: StepState, event: RunEvent): StepState {
  const settled = { waitsFor: null, finishedAt: event.at, settledSeq: event.seq };
  switch (event.kind) {
    case 'step.queued':
      return { ...step, state: 'queued' };
    case 'step.started':
      return {
        ...step,
        state: 'running',
        attempt: event.data.attempt,
        crashes: event.data.crashes,
        epoch: event.epoch ?? step.epoch,
        waitsFor: null,
        startedAt: step.startedAt ?? event.at,
      };
    case 'step.waiting':
      return {
        ...step,
        state: 'waiting',
        waitsFor: { reason: event.data.reason, until: event.data.until ?? null, child: event.data.child ?? null },
      };
    case 'step.woken':
      return { ...step, state: 'running', waitsFor: null };
    case 'step.retrying':
      return { ...step, state: 'queued', attempt: event.data.attempt, failure: event.data.failure, waitsFor: null };
    case 'step.succeeded':
      return {
        ...step,
        ...settled,
        state: 'succeeded',
        output: event.data.output,
        ports: event.data.ports,
        failure: null,
      };
    case 'step.failed':
      return {
        ...step,
        ...settled,
        state: 'failed',
        failure: event.data.failure,
        continues: event.data.continues ?? null,
      };
    case 'step.skipped':
      return { ...step, ...settled, state: 'skipped' };
    case 'step.cancelled':
      return { ...step, ...settled, state: 'cancelled' };
    case 'loop.started':
      return { ...step, loop: loopOf(event) };
    case 'iteration.started':
      return step.loop === null ? step : { ...step, loop: withIteration(step.loop, event.data.index) };
    default:
      return foldInStep(step, event);
  }
}

function foldInStep(step: StepState, event: RunEvent): StepState {
  const agent = foldAgentSummary(step.agent ?? emptyAgent(), event);
  return agent === step.agent || agent === null ? step : { ...step, agent };
}
