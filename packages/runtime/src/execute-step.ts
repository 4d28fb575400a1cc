import type { ClaimAnswer, Journal, StepHint } from '@switchyard/journal';
import { packJson } from '@switchyard/journal';
import { type Node, nodeOfStep, nodeType, type RunState } from '@switchyard/pipeline';
import { pureEvents } from './advance-run.ts';
import { failureOf, LeaseLost, StepError, StopRequested, WaitRequested } from './errors.ts';
import type { Holding } from './held-steps.ts';
import { nextAttemptInMs } from './retry.ts';
import type { CachedRun } from './run-cache.ts';
import { type HeldTask, type NodeEnd, runNode } from './run-node.ts';
import { type Body, type OwnEnd, type SettlingParts, settleStep } from './settle-step.ts';
import { StepWriter } from './step-writer.ts';

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

/** What executing needs. */
export type ExecutorParts = SettlingParts & {
  readonly journal: Journal;
  /** Rings when a retry is due. */
  readonly ringLater: (hint: StepHint, ms: number) => void;
  /** The journal says that this worker is dead. Resolves when it is registered anew. */
  readonly onDead: () => Promise<void>;
  readonly warn: (message: string) => void;
};

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
  await parts.held.makeWay(hint);
  let holding = parts.held.begin(hint.runId, hint.stepKey);
  const goOnWith = (task: Task | null): Task | null => {
    if (holding && holding !== task?.holding) parts.held.end(holding);
    holding = task?.holding ?? null;
    return task;
  };
  try {
    const taken = holding && (await take(hint, holding, parts));
    if (taken === 'dead') {
      // The hint may be the only one for half a minute, and it was good: only who asked for the step was not.
      goOnWith(null);
      await parts.onDead();
      return await executeStep(hint, given);
    }
    let task = taken && goOnWith(taken);
    while (task) task = goOnWith(await finish(task, await runNode(task, parts), parts));
  } catch (error) {
    // What the journal still counts as ours is given back by the next pulses, which find a lease nobody knows of.
    parts.warn(
      `step ${hint.stepKey} of run ${hint.runId}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  } finally {
    goOnWith(null);
  }
  await Promise.all(rings);
}

type Task = HeldTask & { readonly journal: StepWriter };

/**
 * Claims the step, or claims and finishes it where it is pure. The task to run next in this process, or null; `dead` when
 * the journal takes no claim of this worker any more.
 */
async function take(hint: StepHint, holding: Holding, parts: ExecutorParts): Promise<Task | 'dead' | null> {
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
  return {
    run,
    node,
    holding,
    journal: new StepWriter({ ...parts, worker }, holding, answer.epoch),
    attempt: answer.attempt,
    crashes: answer.crashes,
  };
}

function declined(
  outcome: Exclude<ClaimAnswer['outcome'], 'claimed'>,
  hint: StepHint,
  parts: ExecutorParts,
): 'dead' | null {
  if (outcome === 'over') parts.cache.forget(hint.runId);
  return outcome === 'dead' ? 'dead' : null;
}

type Place = { readonly run: CachedRun; readonly node: Node };

/** A due pure step: claimed and finished in one append. Two who try compute the same, and one is told `lost`. */
async function finishPure(hint: StepHint, { run, node }: Place, parts: ExecutorParts): Promise<Task | null> {
  const worker = parts.worker();
  const speaker = { stepKey: hint.stepKey, epoch: hint.epoch, n: null, worker };
  const send = (body: Body) => parts.journal.append({ ...body, runId: run.runId, speaker, intent: false });
  const settled = await settleStep(
    {
      run,
      key: hint.stepKey,
      send: async (decide) => send(await decide()),
      ends: (state) => endPure(hint, { run, node }, state, parts),
    },
    parts,
  );
  return settled?.kept ? keptTask(run, settled.kept, { ...parts, id: worker }) : null;
}

async function endPure(hint: StepHint, { run, node }: Place, state: RunState, parts: ExecutorParts): Promise<OwnEnd> {
  const step = { graph: run.graph, state, stepKey: hint.stepKey, node };
  const { events, blob } = await pureEvents(step, { values: parts.values, worker: parts.worker() });
  const failed = events.some((event) => event.kind === 'step.failed');
  return { events, state: failed ? 'failed' : 'succeeded', blobs: blob ? [blob] : [] };
}

/** Writes how the node ended. Null when nothing is kept, or when the step is not ours any more. */
async function finish(task: Task, end: NodeEnd, parts: ExecutorParts): Promise<Task | null> {
  if ('error' in end && end.error instanceof LeaseLost) return null;
  const { run, holding } = task;
  const worker = parts.worker();
  const settled = await settleStep(
    {
      run,
      key: holding.stepKey,
      send: (decide) => task.journal.fenced(decide),
      ends: async (state) => ownEnd(task, end, state, parts),
    },
    parts,
  );
  if (settled?.own.state === 'queued' && holding.epoch !== null)
    parts.ringLater({ runId: run.runId, stepKey: holding.stepKey, epoch: holding.epoch }, settled.own.dueInMs ?? 0);
  return settled?.kept ? keptTask(run, settled.kept, { ...parts, id: worker }) : null;
}

/** The successor that was opened as ours in the append that made it ready. */
function keptTask(run: CachedRun, kept: Holding, by: ExecutorParts & { readonly id: number }): Task | null {
  const node = run.graph.nodes.get(nodeOfStep(kept.stepKey))?.node;
  if (!node) return null;
  return {
    run,
    node,
    holding: kept,
    journal: new StepWriter({ ...by, worker: by.id }, kept, 1),
    attempt: 1,
    crashes: 0,
  };
}

function ownEnd({ node, holding, attempt }: Task, end: NodeEnd, state: RunState, parts: ExecutorParts): OwnEnd {
  const stepKey = holding.stepKey;
  if ('outcome' in end) {
    const { stored, blob } = packJson(end.outcome.output);
    if (blob) parts.values.remember(blob);
    return {
      events: [{ stepKey, kind: 'step.succeeded', data: { output: stored, ports: [...end.outcome.ports] } }],
      state: 'succeeded',
      blobs: blob ? [blob] : [],
    };
  }
  const { error } = end;
  if (error instanceof WaitRequested && state.cancelRequested === null)
    return { events: [{ stepKey, kind: 'step.waiting', data: { reason: 'decision' } }], state: 'waiting', blobs: [] };
  if (!(error instanceof StepError))
    return { events: [{ stepKey, kind: 'step.cancelled', data: {} }], state: 'cancelled', blobs: [] };
  const failure = failureOf(error, node.id);
  const dueInMs =
    state.cancelRequested === null ? nextAttemptInMs(node, error, attempt, parts.ports.random.fraction()) : null;
  if (dueInMs !== null)
    return {
      events: [{ stepKey, kind: 'step.retrying', data: { failure, attempt: attempt + 1, dueInMs } }],
      state: 'queued',
      dueInMs,
      blobs: [],
    };
  const continues = node.onError === 'fail' ? {} : { continues: true };
  return { events: [{ stepKey, kind: 'step.failed', data: { failure, ...continues } }], state: 'failed', blobs: [] };
}
