import { graphOf, type RunRows } from '@switchyard/journal';
import {
  emptyRun,
  foldNew,
  foldRun,
  type Graph,
  type NewEvent,
  type Opening,
  planLoop,
  planResume,
  type RunState,
} from '@switchyard/pipeline';
import type { Services } from '../services.ts';

/*
 * Going on after a pause. While a run was paused its steps ended without opening others; `run.resumed` opens now what is
 * ready, in the same append, and makes due what waited only for the pause. It is the same run with the same journal:
 * nothing that has ended is done again.
 */

/** What a resume met. */
export type ResumeOutcome = 'resumed' | 'not_paused' | 'over' | 'unknown';

/** Planned on rows that have moved meanwhile, it is planned again so often. */
const TRIES = 20;

/** Resumes a run and all its living descendants, parents first. */
export async function resumeRun(runId: string, by: string, services: Services): Promise<ResumeOutcome> {
  const outcome = await resumeOne(runId, by, services);
  if (outcome === 'unknown') return outcome;
  for (const id of await services.database.control.family(runId)) if (id !== runId) await resumeOne(id, by, services);
  return outcome;
}

async function resumeOne(runId: string, by: string, services: Services): Promise<ResumeOutcome> {
  const { control, journal } = services.database;
  for (let i = 0; i < TRIES; i++) {
    const rows = await control.rows(runId);
    if (rows === null) return 'unknown';
    if (rows.state !== 'running' && rows.state !== 'queued') return 'over';
    if (!rows.paused) return 'not_paused';
    const { outcome } = await journal.append(await requestOf(rows, by, services));
    if (outcome === 'done') return 'resumed';
    if (outcome === 'over') return 'over';
  }
  throw new Error(`run ${runId} moved on ${TRIES} times while it was to be resumed`);
}

async function requestOf(rows: RunRows, by: string, { database, clock }: Services) {
  const { runId, revisionId, version } = rows;
  const revision = await database.catalog.revisions.get(revisionId);
  if (revision === null) throw new Error(`There is no revision ${revisionId}.`);
  const graph = graphOf(revision);
  const before = foldRun(emptyRun(), await database.journal.events(runId, { after: 0, structural: true }));
  const resumed: NewEvent = { stepKey: null, kind: 'run.resumed', data: { by } };
  const at = new Date(clock.now()).toISOString();
  const goingOn = foldNew(before, [resumed], at);
  const iterations = iterationsToBegin(graph, goingOn);
  const state = foldNew(goingOn, iterations, at);
  return {
    runId,
    speaker: null,
    version,
    seen: before.seq,
    intent: false,
    events: [resumed, ...iterations],
    open: readyNow(graph, state, rows).map(({ key, node }) => {
      const limit = graph.nodes.get(node)?.node.limit;
      return { stepKey: key, mine: false, ...(limit === undefined ? {} : { limit }) };
    }),
    touch: rows.steps
      .filter((step) => step.state === 'waiting' && state.steps.get(step.stepKey)?.waitsFor?.reason === 'paused')
      .map(({ stepKey, epoch }) => ({ stepKey, epoch, to: 'due' as const })),
  };
}

/** Iterations that would have begun in the meantime. */
const iterationsToBegin = (graph: Graph, state: RunState): readonly NewEvent[] =>
  state.loops.flatMap((stepKey) =>
    planLoop(graph, state, stepKey).begin.map(
      (index): NewEvent => ({ stepKey, kind: 'iteration.started', data: { index } }),
    ),
  );

/** Steps that became ready while nothing was opened: those the planner names that have no row. */
const readyNow = (graph: Graph, state: RunState, rows: RunRows): readonly Opening[] =>
  planResume(graph, state, new Set(rows.steps.map((step) => step.stepKey)));
