import type { Graph, NewEvent, RunState } from '@switchyard/pipeline';
import { AppendDraft, type Next, type PlannedAppend, type Planning } from './append-draft.ts';

/*
 * What follows from a step's end, all of it for one append: skips of dead branches, the chain of pure steps that became
 * ready (fast path), iterations that end and begin, steps to open, steps to stop, the end of the run. Nothing is written here.
 *
 * Pure steps are taken one by one in the order in which a queue would bring them, so the events are the same, and in the
 * same order, as when each has a row and a job of its own.
 */

/** Plans what follows when `own` events are written next: they settle the step `next` names, or begin the loop it names. */
export function planAppend(
  graph: Graph,
  state: RunState,
  own: { readonly events: readonly NewEvent[]; readonly next: Next },
  planning: Planning,
): Promise<PlannedAppend> {
  return new AppendDraft(graph, state, planning).follow(own.events, own.next);
}
