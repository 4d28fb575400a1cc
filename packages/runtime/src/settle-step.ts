import type { Clock } from '@switchyard/agent';
import {
  type AppendAnswer,
  type AppendRequest,
  buggify,
  type Journal,
  type LiveStep,
  type StartRunRequest,
  type StepHint,
  type StepRowState,
} from '@switchyard/journal';
import type { Graph, NewEvent, RunState } from '@switchyard/pipeline';
import { planAppend } from './advance-run.ts';
import type { PlannedAppend } from './append-draft.ts';
import type { NodePorts } from './contract.ts';
import type { HeldSteps, Holding } from './held-steps.ts';
import type { CachedRun, RunCache } from './run-cache.ts';
import type { ValueReader } from './values.ts';

/*
 * The last append of a step under its claim, and all that follows from it, written together. The plan is computed from the
 * fold at a version; where the run has moved on, what was missed is folded in and the plan is made again.
 */

/** What settling needs of the worker. */
export type SettlingParts = {
  readonly journal: Journal;
  readonly cache: RunCache;
  readonly values: ValueReader;
  readonly held: HeldSteps;
  readonly ports: NodePorts;
  readonly clock: Clock;
  /** Its id in the journal; a worker that was declared dead registers anew under another. */
  readonly worker: () => number;
  /** False once the worker is stopping too: nothing new is kept. */
  readonly fastPath: () => boolean;
  /** After the commit: steps opened for anybody. Must not reject. */
  readonly ring: (hints: readonly StepHint[]) => Promise<void>;
  /** After the commit: what was written about the steps of a run. */
  readonly onWritten?: WrittenListener;
};

/** Told which events of a graph's steps stand in the journal now; for counting, it must not throw. */
export type WrittenListener = (graph: Graph, events: readonly NewEvent[]) => void;

/** The step's own part of its last append under this claim. */
export type OwnEnd = {
  readonly events: readonly NewEvent[];
  readonly state: StepRowState;
  readonly dueInMs?: number;
  readonly blobs: PlannedAppend['blobs'];
  /** A run that begins with it. */
  readonly child?: StartRunRequest;
  /** It is a loop that has begun: its row waits until its iterations have ended, which may be in this very append. */
  readonly begins?: true;
};

/** An append but for who speaks. */
export type Body = Omit<AppendRequest, 'speaker' | 'runId'>;

/** Why the journal did not take an end: the step was asked to stop, or the called pipeline may have no more runs. */
export type Refusal = 'stopped' | 'full';

/** A step about to end, and the way to write it: held steps have a pen, pure ones claim in the same breath. */
export type Ending = {
  readonly run: CachedRun;
  readonly key: string;
  readonly send: (decide: () => Promise<Body>) => Promise<AppendAnswer>;
  /** Asked anew for each plan: others may have cancelled the run meanwhile, or the last answer was a refusal. */
  readonly ends: (state: RunState, refused: Refusal | null) => Promise<OwnEnd>;
};

/** What was written. `kept` is the successor this worker holds by it. */
export type Settled = { readonly own: OwnEnd; readonly kept: Holding | null };

/** Plans in a row that lost the race for the version before the next one waits a little. */
const PATIENT_AFTER = 3;
const PATIENCE_MS = 20;

/** Writes the ending and rings for what it opened. Null: the step is not ours any more, or its run is over. */
export async function settleStep(ending: Ending, parts: SettlingParts): Promise<Settled | null> {
  const { run } = ending;
  const written = await run.exclusively(() => write(ending, parts));
  if (!written) return null;
  const opened = written.planned.open.filter((step) => !step.mine);
  void parts.ring(opened.map(({ stepKey }) => ({ runId: run.runId, stepKey, epoch: 0 })));
  if (written.planned.runState) parts.cache.forget(run.runId);
  return written;
}

type Written = Settled & { readonly planned: PlannedAppend };

async function write(ending: Ending, parts: SettlingParts): Promise<Written | null> {
  let live: readonly LiveStep[] | undefined;
  let refused: Refusal | null = null;
  for (let tries = 1; ; tries += 1) {
    const { answer, ...written } = await attempt(ending, parts, { live, refused });
    if (answer.outcome === 'done' || answer.outcome === 'already') return written;
    if (written.kept) parts.held.end(written.kept);
    if (answer.outcome === 'over') parts.cache.forget(ending.run.runId);
    if (answer.outcome === 'stopped' || answer.outcome === 'full') {
      refused = answer.outcome; // it ends otherwise: `ends` says how
      continue;
    }
    if (answer.outcome !== 'behind') return null;
    ending.run.adopt(answer.missed, answer.version);
    live = answer.live;
    if (tries >= PATIENT_AFTER) await parts.clock.sleep(PATIENCE_MS * parts.ports.random.fraction());
  }
}

/** Plans once and sends it. */
async function attempt(
  { run, key, send, ends }: Ending,
  parts: SettlingParts,
  { live, refused }: { readonly live: readonly LiveStep[] | undefined; readonly refused: Refusal | null },
): Promise<Written & { readonly answer: AppendAnswer }> {
  const at = new Date(parts.clock.now()).toISOString();
  const own = await ends(run.state, refused);
  const planned = settles(own) || own.begins ? await planFrom({ run, key, own, at, live }, parts) : alone(own);
  // Known here before the journal can name it as ours: a pulse in between must not take it for an orphan.
  const kept = planned.keep === null ? null : parts.held.begin(run.runId, planned.keep, 1);
  const answer = await send(async () => bodyOf(run, { key, own, planned })).catch((error: unknown) => {
    if (kept) parts.held.end(kept);
    throw error;
  });
  if (answer.outcome === 'done') parts.onWritten?.(run.graph, planned.events);
  if (answer.outcome === 'done') await run.written(planned.events, answer.seq, at);
  if (answer.outcome === 'already') await run.doubt();
  return { own, planned, kept, answer };
}

/** The row of a loop that ended in the append in which it began. */
function ownState({ key, own, planned }: Parts): StepRowState {
  if (!own.begins || !planned.close.includes(key)) return own.state;
  const end = planned.events.findLast((event) => event.stepKey === key);
  return end?.kind === 'step.failed' ? 'failed' : end?.kind === 'step.cancelled' ? 'cancelled' : 'succeeded';
}

type Parts = { readonly key: string; readonly own: OwnEnd; readonly planned: PlannedAppend };

function bodyOf(run: CachedRun, { key, own, planned }: Parts): Body {
  return {
    version: run.version,
    seen: run.state.seq,
    // a step that was asked to stop must not come back: it may neither wait nor be tried again
    intent: !settles(own) && !own.begins,
    events: planned.events,
    ownState: {
      state: ownState({ key, own, planned }),
      ...(own.dueInMs === undefined ? {} : { dueInMs: own.dueInMs }),
    },
    open: planned.open,
    touch: planned.touch,
    close: planned.close.filter((closed) => closed !== key),
    blobs: [...own.blobs, ...planned.blobs],
    ...(own.child ? { child: own.child } : {}),
    ...(planned.runState ? { runState: planned.runState } : {}),
  };
}

const SETTLES: ReadonlySet<StepRowState> = new Set(['succeeded', 'failed', 'skipped', 'cancelled']);
const settles = (own: OwnEnd): boolean => SETTLES.has(own.state);

/** A step that waits or is tried again settles nothing: its own event is all. */
const alone = (own: OwnEnd): PlannedAppend => ({
  events: own.events,
  open: [],
  touch: [],
  close: [],
  blobs: [],
  keep: null,
});

type PlanFrom = {
  readonly run: CachedRun;
  readonly key: string;
  readonly own: OwnEnd;
  readonly at: string;
  readonly live: readonly LiveStep[] | undefined;
};

function planFrom({ run, key, own, at, live }: PlanFrom, parts: SettlingParts): Promise<PlannedAppend> {
  return planAppend(
    run.graph,
    run.state,
    { events: own.events, next: own.begins ? { loop: key } : { settled: key } },
    {
      values: parts.values,
      journal: parts.journal,
      runId: run.runId,
      fastPath: parts.fastPath() && !buggify('settle.no-successor'),
      worker: parts.worker(),
      at,
      ...(live ? { live } : {}),
    },
  );
}
