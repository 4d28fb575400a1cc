import { readFileSync, writeFileSync } from 'node:fs';
import type { Violation } from '@switchyard/journal';
import { z } from 'zod';
import { bundleSimulator } from './bundle.ts';
import { type Job, type Outcome, totalOf } from './jobs.ts';
import { performAll } from './pool.ts';

/** Runs in one world: they share the workers, so they meet. */
const RUNS_A_WORLD = 4;
/** Points a child tries before it asks for more. */
const POINTS_A_JOB = 50;
const SHOWN = 20;

/** Figures of a whole pass. `fired` counts the faults by name. */
export type SuiteReport = {
  readonly runs: number;
  readonly events: number;
  readonly ends: Readonly<Record<string, number>>;
  readonly seedsKept: number;
  readonly points: number;
  readonly pointsWithRepeatedEffect: number;
  readonly fired: Readonly<Record<string, number>>;
  readonly violations: readonly (Violation & { readonly seed: number })[];
};

const Seeds = z.array(z.number().int());

/** Seeds that failed once are played first, for ever. */
const keptSeeds = (file: string): readonly number[] => Seeds.parse(JSON.parse(readFileSync(file, 'utf8')));

function keep(file: string, outcomes: readonly Outcome[]): void {
  const failed = outcomes.filter(({ violations }) => violations.length > 0).map(({ seed }) => seed);
  const all = [...new Set([...keptSeeds(file), ...failed])];
  if (all.length > keptSeeds(file).length) writeFileSync(file, `${JSON.stringify(all)}\n`);
}

/** Simulates `runs` runs, and tries every crash point of the reference run; a seed that fails is kept in `seedsFile`. */
export async function runSuite(options: { readonly runs: number; readonly seedsFile: string }): Promise<SuiteReport> {
  const bundle = await bundleSimulator('simulator');
  const kept = keptSeeds(options.seedsFile);
  const fresh = Array.from({ length: Math.ceil(options.runs / RUNS_A_WORLD) }, (_, i) => 1_000 + i);
  const worlds = [...kept, ...fresh].map((seed): Job => ({ kind: 'simulate', seed, runs: RUNS_A_WORLD }));
  const simulated = await performAll(bundle, worlds);
  keep(options.seedsFile, simulated);
  const [counted] = await performAll(bundle, [{ kind: 'count' }]);
  const writes = counted?.counts.writes ?? 0;
  const shares = Array.from({ length: Math.ceil(writes / POINTS_A_JOB) }, (_, i): Job => {
    const from = i * POINTS_A_JOB;
    return { kind: 'points', from, to: Math.min(writes, from + POINTS_A_JOB) };
  });
  const total = totalOf([...simulated, ...(await performAll(bundle, shares))]);
  const { runs = 0, events = 0, points = 0, repeated = 0, ...ends } = total.counts;
  return {
    runs,
    events,
    ends,
    seedsKept: kept.length,
    points,
    pointsWithRepeatedEffect: repeated,
    fired: total.fired,
    violations: total.violations.slice(0, SHOWN),
  };
}
