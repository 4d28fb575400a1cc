import { bundleSimulator } from './bundle.ts';
import type { Job } from './jobs.ts';
import { MUTANTS, type Mutant } from './mutants.ts';
import { performAll } from './pool.ts';

/** Worlds a mutant may survive before it counts as not seen. */
const WORLDS = 24;
const RUNS_A_WORLD = 2;

/** How a mutant fared. `by`: the invariants it broke; `what`: the first thing that was seen. */
export type Caught = {
  readonly name: string;
  readonly caught: boolean;
  readonly by: readonly string[];
  readonly what: string;
};

/** Plants a defect and simulates until it shows. */
async function tryMutant({ name, patches, breaks, worlds = WORLDS, cancels }: Mutant, place: number): Promise<Caught> {
  const bundle = await bundleSimulator(`mutant-${place}`, patches);
  const jobs = Array.from(
    { length: worlds },
    (_, i): Job => ({ kind: 'simulate', seed: 1 + i, runs: RUNS_A_WORLD, cancels }),
  );
  const shows = ({ violations }: { readonly violations: readonly { readonly id: string }[] }): boolean =>
    violations.some(({ id }) => breaks.some((one) => one === id));
  const seen = (await performAll(bundle, jobs, shows)).flatMap(({ violations }) => violations);
  const by = [...new Set(seen.map(({ id }) => id))].sort();
  const first = seen.find(({ id }) => breaks.some((one) => one === id));
  return { name, caught: first !== undefined, by, what: first?.what ?? 'nothing was seen' };
}

/** Plants every defect whose name holds `only`, one after another; `tell` hears of each. */
export async function tryMutants(only: string, tell: (caught: Caught) => void): Promise<readonly Caught[]> {
  const all: Caught[] = [];
  for (const [place, one] of MUTANTS.entries()) {
    if (!one.name.includes(only)) continue;
    const caught = await tryMutant(one, place);
    all.push(caught);
    tell(caught);
  }
  return all;
}
