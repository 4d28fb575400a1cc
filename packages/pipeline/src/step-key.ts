/*
 * A step's key is its node's id, with the iterations of the loops around it before it: `fetch`, `each[3]/fetch`,
 * `each[3]/inner[0]/x`. What stands before the node is the step's prefix: '' outside of loops. Ids hold none of these signs.
 */

/** One iteration of a loop: the loop's step key and the iteration's number from 0. */
export type Iteration = { readonly loop: string; readonly index: number };

/** The node of a step key: `loop[3]/fetch` is a step of `fetch`. */
export function nodeOfStep(key: string): string {
  const last = key.slice(key.lastIndexOf('/') + 1);
  const bracket = last.indexOf('[');
  return bracket < 0 ? last : last.slice(0, bracket);
}

/** The prefix of a step key: `each[3]/fetch` has `each[3]/`. */
export const prefixOf = (key: string): string => key.slice(0, key.lastIndexOf('/') + 1);

/** The prefix of the steps of one iteration. */
export const prefixOfIteration = ({ loop, index }: Iteration): string => `${loop}[${index}]/`;

/** The iteration a prefix is of; null for the prefix of steps outside of loops. */
export function iterationOfPrefix(prefix: string): Iteration | null {
  const bracket = prefix.lastIndexOf('[');
  return bracket < 0 ? null : { loop: prefix.slice(0, bracket), index: Number(prefix.slice(bracket + 1, -2)) };
}

/** The iteration directly around a step. */
export const iterationOf = (key: string): Iteration | null => iterationOfPrefix(prefixOf(key));

/** All iterations around a step, the innermost first. */
export function iterationsAround(key: string): readonly Iteration[] {
  const iterations: Iteration[] = [];
  for (let iteration = iterationOf(key); iteration !== null; iteration = iterationOf(iteration.loop))
    iterations.push(iteration);
  return iterations;
}
