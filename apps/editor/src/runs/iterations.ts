import { iterationsAround, nodeOfStep, type RunState, type StepState } from '@switchyard/pipeline';

/** How many steps of one node a time scale draws: the newest. */
const DRAWN = 100;

/** The steps of each node that are still known, in the order of their iterations; a node outside of loops has one at most. */
export function stepsByNode(run: RunState): ReadonlyMap<string, readonly StepState[]> {
  const steps = new Map<string, StepState[]>();
  for (const [, step] of run.steps) {
    const others = steps.get(step.node);
    if (others === undefined) steps.set(step.node, [step]);
    else others.push(step);
  }
  for (const some of steps.values()) if (some.length > 1) some.sort((a, b) => compareIterations(a.key, b.key));
  return steps;
}

/** The newest of a node's steps, as many as are drawn. */
export const drawnSteps = (steps: readonly StepState[]): readonly StepState[] => steps.slice(-DRAWN);

/** Orders keys of one node by the numbers of their iterations, the outermost loop first. */
function compareIterations(a: string, b: string): number {
  const [left, right] = [a, b].map((key) => iterationsAround(key).toReversed());
  for (const [depth, { index }] of (left ?? []).entries()) {
    const other = right?.[depth]?.index ?? -1;
    if (index !== other) return index - other;
  }
  return 0;
}

/** The known keys of the steps of a key's node, in the order of their iterations. */
export function keysBeside(run: RunState, key: string): readonly string[] {
  const node = nodeOfStep(key);
  return [...run.steps]
    .filter(([, step]) => step.node === node)
    .map(([other]) => other)
    .sort(compareIterations);
}

/** The step that is meant by a node's id or by a whole key: of a node in a loop, the newest. */
export function keyShown(run: RunState, chosen: string): string {
  if (chosen.includes('[') || run.steps.get(chosen) !== undefined) return chosen;
  return keysBeside(run, chosen).at(-1) ?? chosen;
}
