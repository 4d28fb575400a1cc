import { checkHistory, type RunHistory, type Violation } from '@switchyard/journal';
import type { JournalEvent, PipelineDocument } from '@switchyard/pipeline';
import type { Effect } from './doubles.ts';
import { isOver, type RunTable, type Tables } from './memory-journal-rows.ts';

/*
 * All that must hold of a world: the invariants of each run's history, and what only the world's own log can say: that effects
 * had their intent, were not made again after their result, and that nothing acknowledged is missing.
 */

/** A run of the tables as the checker takes it. */
export function historyOf({ row, steps, events }: RunTable, document: PipelineDocument): RunHistory {
  return {
    run: { id: row.id, state: row.state, seq: row.seq, revisionId: row.revisionId },
    steps: [...steps.values()].map((step) => ({
      key: step.key,
      state: step.state,
      attempt: step.attempt,
      crashes: step.crashes,
      held: step.owner !== null,
      due: step.dueAt !== null,
      parked: step.parkedAt !== null,
    })),
    // the edge: rows of the memory journal are what clients wrote
    events: events.map((event) => ({ ...event, runId: row.id }) as JournalEvent),
    document,
  };
}

type Moments = {
  /** Seq of the intent and of the result, by RUN/STEP/CALL. */
  readonly intents: ReadonlyMap<string, number>;
  readonly results: ReadonlyMap<string, number>;
  /** Seq at which the step began first, by RUN/STEP. */
  readonly begun: ReadonlyMap<string, number>;
};

function momentsOf(histories: readonly RunHistory[]): Moments {
  const intents = new Map<string, number>();
  const results = new Map<string, number>();
  const begun = new Map<string, number>();
  for (const { run, events } of histories)
    for (const event of events) {
      const step = `${run.id}/${event.stepKey}`;
      if (event.kind === 'tool.started') intents.set(`${step}/${event.data.call.id}`, event.seq);
      else if (event.kind === 'tool.finished') results.set(`${step}/${event.data.call}`, event.seq);
      else if (event.kind === 'step.started' && !begun.has(step)) begun.set(step, event.seq);
    }
  return { intents, results, begun };
}

function effectIsWrong(effect: Effect, moments: Moments): string | null {
  const step = `${effect.runId}/${effect.stepKey}`;
  const begun = moments.begun.get(step);
  if (begun === undefined || begun > effect.seq) return `${effect.stepKey}: an effect before its step had begun`;
  if (effect.call === null) return null;
  const call = `${step}/${effect.call}`;
  const intent = moments.intents.get(call);
  if (intent === undefined || intent > effect.seq) return `${call}: an effect before its intent`;
  const result = moments.results.get(call);
  return result !== undefined && result <= effect.seq ? `${call}: made again after its result` : null;
}

/**
 * A request that must not be repeated was sent twice in one attempt. Steps have at most as many effects as attempts; a worker that
 * is lost counts as none, since the step then fails instead of asking again.
 */
function repeatedPosts(effects: readonly Effect[], histories: readonly RunHistory[]): Violation[] {
  const attempts = new Map<string, number>();
  for (const { run, steps } of histories) for (const step of steps) attempts.set(`${run.id}/${step.key}`, step.attempt);
  const made = new Map<string, number>();
  for (const effect of effects) {
    if (effect.kind !== 'post') continue;
    const step = `${effect.runId}/${effect.stepKey}`;
    made.set(step, (made.get(step) ?? 0) + 1);
  }
  return [...made]
    .filter(([step, times]) => times > (attempts.get(step) ?? 0))
    .map(([step, times]) => ({ id: 'I4', runId: step.slice(0, 36), what: `${step} was sent ${times} times` }));
}

/** What must hold when a world has come to rest. `acknowledged`: runs whose start was answered. */
export function checkWorld(world: {
  readonly tables: Tables;
  readonly effects: readonly Effect[];
  readonly documentOf: (revisionId: string) => PipelineDocument;
  readonly acknowledged: readonly string[];
  /** False: it still goes on; then nothing need have ended. */
  readonly atRest?: boolean;
}): readonly Violation[] {
  const { tables, effects, documentOf, acknowledged, atRest = true } = world;
  const histories = [...tables.runs.values()].map((run) => ({
    ...historyOf(run, documentOf(run.row.revisionId)),
    ...(atRest ? {} : { cutAt: null }),
  }));
  const moments = momentsOf(histories);
  const lost = acknowledged.filter((runId) => !tables.runs.has(runId));
  const hung = [...tables.runs.values()].filter(({ row }) => atRest && !isOver(row.state));
  return [
    ...histories.flatMap(checkHistory),
    ...effects.flatMap((effect): Violation[] => {
      const what = effectIsWrong(effect, moments);
      return what === null ? [] : [{ id: 'I4', runId: effect.runId, what }];
    }),
    ...repeatedPosts(effects, histories),
    ...lost.map((runId): Violation => ({ id: 'I7', runId, what: 'it was acknowledged and is not there' })),
    ...hung.map(({ row }): Violation => ({ id: 'I6', runId: row.id, what: `it is still ${row.state}` })),
  ];
}
