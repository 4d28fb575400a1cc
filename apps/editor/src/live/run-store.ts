import { create } from 'zustand';
import type { ShownState } from '../ui/StateMark.tsx';

/*
 * What each node of the shown run does right now, by node id, apart from the document: a status that changes draws one
 * node and nothing else. Changes gather and are shown once per animation frame.
 */

/** The state of one node's step in the shown run. `note` is one short line for the card (turn 4 · run_code). */
export type NodeStatus = {
  readonly state: ShownState;
  readonly attempt: number;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly note: string | null;
};

type Statuses = Readonly<Record<string, NodeStatus>>;

/** Statuses by node id; empty when no run is shown. */
export const useStatuses = create<{ readonly byNode: Statuses }>(() => ({ byNode: {} }));

let waiting: Map<string, NodeStatus> | null = null;

/** Shows new statuses with the next frame. Nodes not named keep theirs. */
export function showStatuses(changed: ReadonlyMap<string, NodeStatus>): void {
  if (changed.size === 0) return;
  if (waiting !== null) {
    for (const [node, status] of changed) waiting.set(node, status);
    return;
  }
  waiting = new Map(changed);
  requestAnimationFrame(() => {
    const flushed = waiting;
    waiting = null;
    if (flushed !== null)
      useStatuses.setState((state) => ({ byNode: { ...state.byNode, ...Object.fromEntries(flushed) } }));
  });
}

/** Forgets all statuses: another run, or none. */
export function clearStatuses(): void {
  waiting = null;
  useStatuses.setState({ byNode: {} });
}

/** The status of one node, or undefined when it has none yet. */
export const useNodeStatus = (node: string): NodeStatus | undefined => useStatuses((state) => state.byNode[node]);
