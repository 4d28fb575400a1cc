import type { ClaimAnswer, Journal, StepHint } from '@switchyard/journal';
import { type Node, nodeOfStep, nodeType, type RunState } from '@switchyard/pipeline';
import type { Calls } from './contract.ts';
import { LeaseLost, StopRequested } from './errors.ts';
import type { Holding } from './held-steps.ts';
import { endOfRefused, ownEnd } from './own-end.ts';
import { pureEvents } from './pure-step.ts';
import type { CachedRun } from './run-cache.ts';
import { type HeldTask, type NodeEnd, runNode } from './run-node.ts';
import { type Body, type OwnEnd, type SettlingParts, settleStep } from './settle-step.ts';
import { StepWriter } from './step-writer.ts';
import { type AttemptTime, attemptTime } from './waits.ts';

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
  readonly calls: Calls;
  /** False when nothing was heard of the journal for so long that another worker may have what this one holds. */
  readonly holdsLeases: () => boolean;
  /** Rings when a retry or a wait is due. */
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
  const { attempt, crashes } = answer;
  const journal = new StepWriter({ ...parts, worker }, holding, answer.epoch);
  return { run, node, holding, journal, attempt, crashes, ...timeOf({ run, node, holding }, parts) };
}

/** A step at its first claim has no history to look at. */
function timeOf({ run, node, holding }: Pick<Task, 'run' | 'node' | 'holding'>, parts: ExecutorParts): AttemptTime {
  const { journal, values, calls, clock } = parts;
  const { runId } = run;
  const { stepKey, epoch } = holding;
  const again = (epoch ?? 1) > 1;
  return attemptTime(
    {
      clock,
      timeoutMs: node.timeoutSeconds === undefined ? null : node.timeoutSeconds * 1_000,
      events: again ? () => journal.events(runId, { after: 0, stepKey, structural: true }) : null,
    },
    { json: (value) => values.json(value), calls },
  );
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
  const send = (body: Body) => parts.journal.append({ ...body, runId: run.runId, speaker });
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
  const { events, blob, begins } = await pureEvents(step, { values: parts.values, worker: parts.worker() });
  if (begins) return { events, state: 'waiting', blobs: blob ? [blob] : [], begins };
  const failed = events.some((event) => event.kind === 'step.failed');
  return { events, state: failed ? 'failed' : 'succeeded', blobs: blob ? [blob] : [] };
}

/** Timers beyond this are left to the sweep, which finds what is due within half a second. */
const TIMER_MS = 60_000;

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
      ends: async (state, refused) =>
        ownEnd(task, refused === null ? end : { error: endOfRefused(refused) }, state, parts),
    },
    parts,
  );
  const dueInMs = settled?.own.dueInMs;
  if (dueInMs !== undefined && dueInMs <= TIMER_MS && holding.epoch !== null)
    parts.ringLater({ runId: run.runId, stepKey: holding.stepKey, epoch: holding.epoch }, dueInMs);
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
    ...timeOf({ run, node, holding: kept }, by),
  };
}
