import type { EventBody, NewEvent } from './event.ts';
import { emptyRun, foldNew } from './fold.ts';
import type { Opening } from './frontier.ts';
import type { Graph } from './graph.ts';
import { type End, plan } from './plan.ts';

const skipEvent = (stepKey: string): NewEvent => ({ stepKey, kind: 'step.skipped', data: {} });

/** The first transaction of a run, but for its ids: fits the journal's `startRun`. */
export type Start = {
  readonly started: Extract<EventBody, { kind: 'run.started' }>;
  /** Skips of steps that no edge from this trigger can reach; they follow `run.started`. */
  readonly events: readonly NewEvent[];
  readonly open: readonly Opening[];
  /** Set when nothing follows the trigger. */
  readonly end: End | null;
};

/**
 * What starting a run writes: `run.started`, skips of what this trigger cannot reach, and the steps to open. Throws
 * when the trigger is not a trigger of this graph.
 */
export function planStart(graph: Graph, started: Extract<EventBody, { kind: 'run.started' }>): Start {
  const trigger = started.data.trigger.node;
  if (!graph.triggers.includes(trigger)) throw new Error(`"${trigger}" is not a trigger of this pipeline`);
  const state = foldNew(emptyRun(), [{ ...started, stepKey: null }], '');
  const { skip, open, end } = plan(graph, state);
  return { started, events: skip.map(skipEvent), open, end };
}
