import type { AppendAnswer, AppendRequest, ClaimAnswer, Journal, LiveStep, StepHint, StepRowState } from '@switchyard/journal';
import { type NewEvent, type Node, nodeOfStep, nodeType, type RunState } from '@switchyard/pipeline';
import type { Clock } from '@switchyard/agent';
import { type PlannedAppend, planAppend, pureEvents } from './advance-run.ts';
import type { NodePorts } from './contract.ts';
import { failureOf, LeaseLost, StepError, StopRequested, WaitRequested } from './errors.ts';
import type { HeldSteps, Holding } from './held-steps.ts';
import { nextAttemptInMs } from './retry.ts';
import type { CachedRun, RunCache } from './run-cache.ts';
import { type HeldTask, type NodeEnd, runNode } from './run-node.ts';
import { StepWriter } from './step-writer.ts';
import { packJson, type ValueReader } from './values.ts';

/*
 * From a hint to the journal:
 *
 *   hint → already in this process's hands → dropped
 *        → pure step    → claimed and finished in one append ─┐
 *        → other steps  → claim ─→ run the node ─→ finish ────┤
 *                           ↑                                 │ the append also skips, rides, opens, stops, ends
 *                           └── the successor that was kept ──┘ (fast path: it is held at once, no job, no claim)
 *
 * The finish is computed from the fold at a version. `behind`: others have moved the run; fold that in, decide again.
 */

/** What executing needs. `worker` may change in a process's life: a worker that was declared dead registers anew. */
export type ExecutorParts = {
  readonly journal: Journal;
  readonly cache: RunCache;
  readonly values: ValueReader;
  readonly held: HeldSteps;
  readonly ports: NodePorts;
  readonly clock: Clock;
  readonly worker: () => number;
  /** False once the worker is stopping too: nothing new is kept. */
  readonly fastPath: () => boolean;
  /** After the commit: steps opened for anybody. Must not reject. */
  readonly ring: (hints: readonly StepHint[]) => Promise<void>;
  /** Rings when a retry is due. */
  readonly ringLater: (hint: StepHint, ms: number) => void;
  /** The journal says that this worker is dead. */
  readonly onDead: () => void;
  readonly warn: (message: string) => void;
};

/** Decisions in a row that lost the race for the version before the next one waits a little. */
const PATIENT_AFTER = 3;
const PATIENCE_MS = 20;

/** Looks at the step a hint names and does what is to do there, with all that is kept after it. Never throws. */
export async function executeStep(hint: StepHint, given: ExecutorParts): Promise<void> {
  // A successor that is kept does not wait for the bell, but the job ends after it has rung: so BullMQ's events come in order.
  const rings: Promise<void>[] = [];
  const parts: ExecutorParts = {
    ...given,
    ring: (hints) => {
      const rung = given.ring(hints);
      rings.push(rung);
      return rung;
    },
  };
  let holding = parts.held.begin(hint.runId, hint.stepKey);
  const goOnWith = (task: Task | null): Task | null => {
    if (holding && holding !== task?.holding) parts.held.end(holding);
    holding = task?.holding ?? null;
    return task;
  };
  try {
    let task = holding && goOnWith(await take(hint, holding, parts));
    while (task) task = goOnWith(await finish(task, await runNode(task, parts), parts));
  } catch (error) {
    // What the journal still counts as ours is given back by the next pulses, which find a lease nobody knows of.
    parts.warn(`step ${hint.stepKey} of run ${hint.runId}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  } finally {
    goOnWith(null);
  }
  await Promise.all(rings);
}

type Task = HeldTask & { readonly journal: StepWriter };

/** Claims the step, or claims and finishes it where it is pure. The task to run next in this process, or null. */
async function take(hint: StepHint, holding: Holding, parts: ExecutorParts): Promise<Task | null> {
  const run = await parts.cache.open(hint.runId);
  const node = run?.graph.nodes.get(nodeOfStep(hint.stepKey))?.node;
  if (!run || !node) return null;
  if (nodeType(node.type)?.pure === true) return finishPure(hint, { run, node }, parts);
  const worker = parts.worker();
  const answer = await run.exclusively(async () => {
    const claimed = await parts.journal.claim({ ...hint, worker, seen: run.state.seq });
    if (claimed.outcome === 'claimed') run.adopt(claimed.missed, claimed.version);
    return claimed;
  });
  if (answer.outcome !== 'claimed') return declined(answer.outcome, hint, parts);
  holding.epoch = answer.epoch;
  if (answer.cancel) holding.abort.abort(new StopRequested());
  return { run, node, holding, journal: new StepWriter({ ...parts, worker }, holding, answer.epoch), attempt: answer.attempt, crashes: answer.crashes };
}

function declined(outcome: Exclude<ClaimAnswer['outcome'], 'claimed'>, hint: StepHint, parts: ExecutorParts): null {
  if (outcome === 'dead') parts.onDead();
  if (outcome === 'over') parts.cache.forget(hint.runId);
  return null;
}

type Place = { readonly run: CachedRun; readonly node: Node };

/** A due pure step: claimed and finished in one append. Two who try compute the same, and one is told `lost`. */
async function finishPure(hint: StepHint, { run, node }: Place, parts: ExecutorParts): Promise<Task | null> {
  const speaker = { stepKey: hint.stepKey, epoch: hint.epoch, n: null, worker: parts.worker() };
  const send = (request: Body) => parts.journal.append({ ...request, runId: run.runId, speaker, intent: false });
  return settle({ run, key: hint.stepKey }, parts, { send: async (decide) => send(await decide()), ends: (state) => endPure(hint, { run, node }, state, parts) });
}

async function endPure(hint: StepHint, { run, node }: Place, state: RunState, parts: ExecutorParts): Promise<OwnEnd> {
  const { events, blob } = await pureEvents(run.graph, state, hint.stepKey, node, { values: parts.values, worker: parts.worker() });
  const failed = events.some((event) => event.kind === 'step.failed');
  return { events, state: failed ? 'failed' : 'succeeded', blobs: blob ? [blob] : [] };
}

/** Writes how the node ended. Null when nothing is kept, or when the step is not ours any more. */
async function finish(task: Task, end: NodeEnd, parts: ExecutorParts): Promise<Task | null> {
  if ('error' in end && end.error instanceof LeaseLost) return null;
  const key = task.holding.stepKey;
  return settle({ run: task.run, key }, parts, {
    send: (decide) => task.journal.fenced(decide),
    ends: async (state) => ownEnd(task, end, state, parts),
    written: (own) => {
      if (own.state === 'queued' && task.holding.epoch !== null) parts.ringLater({ runId: task.run.runId, stepKey: key, epoch: task.holding.epoch }, own.dueInMs ?? 0);
    },
  });
}

/** The step's own part of its last append under this claim. */
type OwnEnd = { readonly events: readonly NewEvent[]; readonly state: StepRowState; readonly dueInMs?: number; readonly blobs: PlannedAppend['blobs'] };

function ownEnd({ node, holding, attempt }: Task, end: NodeEnd, state: RunState, parts: ExecutorParts): OwnEnd {
  const stepKey = holding.stepKey;
  if ('outcome' in end) {
    const { stored, blob } = packJson(end.outcome.output);
    if (blob) parts.values.remember(blob);
    return { events: [{ stepKey, kind: 'step.succeeded', data: { output: stored, ports: [...end.outcome.ports] } }], state: 'succeeded', blobs: blob ? [blob] : [] };
  }
  const { error } = end;
  if (error instanceof WaitRequested && state.cancelRequested === null) return { events: [{ stepKey, kind: 'step.waiting', data: { reason: 'decision' } }], state: 'waiting', blobs: [] };
  if (!(error instanceof StepError)) return { events: [{ stepKey, kind: 'step.cancelled', data: {} }], state: 'cancelled', blobs: [] };
  const failure = failureOf(error, node.id);
  const dueInMs = state.cancelRequested === null ? nextAttemptInMs(node, error, attempt, parts.ports.random.fraction()) : null;
  if (dueInMs !== null) return { events: [{ stepKey, kind: 'step.retrying', data: { failure, attempt: attempt + 1, dueInMs } }], state: 'queued', dueInMs, blobs: [] };
  const continues = node.onError === 'fail' ? {} : { continues: true };
  return { events: [{ stepKey, kind: 'step.failed', data: { failure, ...continues } }], state: 'failed', blobs: [] };
}

type Body = Omit<AppendRequest, 'speaker' | 'runId' | 'intent'>;

/** The two ways to a last append: held steps with their pen, pure ones with a claim in the same breath. */
type Ending = {
  readonly send: (decide: () => Promise<Body>) => Promise<AppendAnswer>;
  /** Asked anew for each decision: others may have cancelled the run meanwhile. */
  readonly ends: (state: RunState) => Promise<OwnEnd>;
  readonly written?: (own: OwnEnd) => void;
};

type Written = { readonly own: OwnEnd; readonly planned: PlannedAppend; readonly kept: Holding | null };

/** Decides and writes until the journal takes it, then rings; answers with the successor this worker holds by it. */
async function settle(at: { readonly run: CachedRun; readonly key: string }, parts: ExecutorParts, ending: Ending): Promise<Task | null> {
  const worker = parts.worker();
  const { run } = at;
  const written = await run.exclusively(() => write(at, parts, ending));
  if (!written) return null;
  const { own, planned, kept } = written;
  ending.written?.(own);
  void parts.ring(planned.open.filter((step) => !step.mine).map(({ stepKey }) => ({ runId: run.runId, stepKey, epoch: 0 })));
  if (planned.runState) parts.cache.forget(run.runId);
  const node = kept && run.graph.nodes.get(nodeOfStep(kept.stepKey))?.node;
  if (!kept || !node) return null;
  return { run, node, holding: kept, journal: new StepWriter({ ...parts, worker }, kept, 1), attempt: 1, crashes: 0 };
}

async function write({ run, key }: { readonly run: CachedRun; readonly key: string }, parts: ExecutorParts, ending: Ending): Promise<Written | null> {
  let live: readonly LiveStep[] | undefined;
  for (let tries = 1; ; tries += 1) {
    const at = new Date(parts.clock.now()).toISOString();
    const own = await ending.ends(run.state);
    const planned = await planFor(own, key, run, parts, { at, live });
    // Known here before the journal can name it as ours: a pulse in between must not take it for an orphan.
    const kept = planned.keep === null ? null : parts.held.begin(run.runId, planned.keep, 1);
    const answer = await ending.send(async () => ({
      version: run.version,
      seen: run.state.seq,
      events: planned.events,
      ownState: { state: own.state, ...(own.dueInMs === undefined ? {} : { dueInMs: own.dueInMs }) },
      open: planned.open,
      touch: planned.touch,
      blobs: [...own.blobs, ...planned.blobs],
      ...(planned.runState ? { runState: planned.runState } : {}),
    }));
    if (answer.outcome === 'done') await run.written(planned.events, answer.seq, at);
    if (answer.outcome === 'already') await run.refresh();
    if (answer.outcome === 'done' || answer.outcome === 'already') return { own, planned, kept };
    if (kept) parts.held.end(kept);
    if (answer.outcome === 'over') parts.cache.forget(run.runId);
    if (answer.outcome !== 'behind') return null;
    run.adopt(answer.missed, answer.version);
    live = answer.live;
    if (tries >= PATIENT_AFTER) await parts.clock.sleep(PATIENCE_MS * parts.ports.random.fraction());
  }
}

const SETTLES: ReadonlySet<StepRowState> = new Set(['succeeded', 'failed', 'skipped', 'cancelled']);

/** A step that waits or is tried again settles nothing: its own event is all. */
async function planFor(own: OwnEnd, key: string, run: CachedRun, parts: ExecutorParts, now: { readonly at: string; readonly live: readonly LiveStep[] | undefined }): Promise<PlannedAppend> {
  if (!SETTLES.has(own.state)) return { events: own.events, open: [], touch: [], blobs: [], keep: null };
  return planAppend(run.graph, run.state, { events: own.events, settled: key }, {
    values: parts.values,
    fastPath: parts.fastPath(),
    worker: parts.worker(),
    at: now.at,
    ...(now.live ? { live: now.live } : {}),
  });
}
