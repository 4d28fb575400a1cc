import { armBuggify, type Violation } from '@switchyard/journal';
import type { PipelineDocument } from '@switchyard/pipeline';
import { checkWorld } from './check-world.ts';
import { isOver } from './memory-journal-rows.ts';
import { runUntil } from './process.ts';
import { type Reference, referencePipeline, SECTIONS } from './reference-pipeline.ts';
import { runIdOf, type Trouble, World } from './world.ts';

/*
 * One simulated installation under faults: four workers, a few runs, and everything that may go wrong, all from one seed.
 */

const WORKERS = 4;
const CONCURRENCY = 4;
/** Time that a world may take: runs of some seconds, and faults of a minute each. */
const LIMIT_MS = 3_600_000;
/** Faults of processes and of the database come this often, in the mean. */
const FAULT_EVERY_MS = 4_000;
/** After so long only calm is left: every run must come to its end. */
const FAULTS_UNTIL_MS = 240_000;

/** Everything that may go wrong does. */
export const STORM: Trouble = {
  queue: { lost: 0.03, doubled: 0.03, delayed: 0.01 },
  outside: { slow: 0.002, model: 0.02 },
  torn: 0.002,
  refused: 0.002,
  late: 0.004,
  deaf: 0.7,
  slow: 0.002,
  skewMs: 600_000,
};

/** How often a rare thing happens where the code asks `buggify`. */
const BUGGIFY = 0.02;

/** What one seed showed. */
export type Simulated = {
  readonly seed: number;
  readonly runs: number;
  readonly events: number;
  readonly fired: Readonly<Record<string, number>>;
  readonly ends: Readonly<Record<string, number>>;
  readonly violations: readonly Violation[];
};

/** The pipeline of the simulations: 304 steps and more than 1,600 events a run. */
const REFERENCE: Reference = { sections: SECTIONS, turns: 5, calls: 2 };

let known: PipelineDocument | null = null;
const documentOnce = (): PipelineDocument => {
  known ??= referencePipeline(REFERENCE);
  return known;
};

type Fault = { readonly name: string; readonly weight: number; readonly strike: (world: World) => void };

const someWorker = (world: World) => world.workers[world.chance.below(world.workers.length)];

function crash(world: World): void {
  const victim = someWorker(world);
  if (victim === undefined) return;
  victim.process.crash();
  world.workers.splice(world.workers.indexOf(victim), 1);
  world.timeline.after(world.chance.between(10, 3_000), () => world.startWorker(CONCURRENCY));
}

const FAULTS: readonly Fault[] = [
  { name: 'crash', weight: 4, strike: crash },
  {
    name: 'short pause',
    weight: 2,
    strike: (world) => someWorker(world)?.process.stopFor(world.chance.between(50, 7_000)),
  },
  {
    name: 'long pause',
    weight: 2,
    strike: (world) => someWorker(world)?.process.stopFor(world.chance.between(9_000, 40_000)),
  },
  {
    name: 'store away',
    weight: 1,
    strike: (world) => {
      world.awayUntil = world.timeline.now + world.chance.between(100, 12_000);
    },
  },
  {
    name: 'store restarted',
    weight: 1,
    strike: (world) => world.server.restart(),
  },
];

/** A fault stands on as many sides as it weighs. */
const DICE: readonly Fault[] = FAULTS.flatMap((fault) => Array.from({ length: fault.weight }, () => fault));

function strikeAgain(world: World): void {
  world.timeline.after(world.chance.between(0, 2 * FAULT_EVERY_MS), () => {
    if (world.timeline.now > FAULTS_UNTIL_MS) return;
    const fault = DICE[world.chance.below(DICE.length)];
    if (fault !== undefined) {
      world.count(fault.name);
      fault.strike(world);
    }
    strikeAgain(world);
  });
}

/** Share of the runs that somebody cancels. */
const CANCELS = 0.12;

/** People cancel and pause some runs. */
function disturb(world: World, runId: string, cancels: number): void {
  const { chance, timeline, frontDatabase } = world;
  const refused = (): void => world.count('a person was refused');
  if (chance.happens(cancels))
    timeline.after(chance.between(0, 15_000), () => {
      world.count('cancel');
      void frontDatabase.control.cancel({ runId, by: 'simulation' }).catch(refused);
    });
  if (chance.happens(0.15))
    timeline.after(chance.between(0, 10_000), () => {
      world.count('pause');
      void frontDatabase.control.pause({ runId, by: 'simulation' }).catch(refused);
      timeline.after(chance.between(100, 20_000), () => {
        world.count('resume');
        void world.resume(runId).catch(refused);
      });
    });
}

const LOOK_EVERY_MS = 200;

/** Somebody answers approvals, now and then two at once. */
function answer(world: World, over: () => boolean): void {
  world.timeline.after(LOOK_EVERY_MS, () => {
    for (const question of world.questions()) {
      if (!world.chance.happens(0.3)) continue;
      world.answer(question, 'one');
      if (!world.chance.happens(0.2)) continue;
      world.count('two answers');
      world.answer(question, 'other');
    }
    if (!over()) answer(world, over);
  });
}

const BUG = /TypeError|ReferenceError|RangeError|invalid_request|live_steps|step_exists/;

/** Plays one seed to its end. `before`: a look at the world before it begins. */
export async function simulate(
  seed: number,
  runs: number,
  before?: (world: World) => void,
  cancels = CANCELS,
): Promise<Simulated> {
  const document = documentOnce();
  const world = new World({ seed, document, trouble: STORM });
  before?.(world);
  armBuggify((name) => {
    const happens = world.chance.happens(BUGGIFY);
    if (happens) world.count(`buggify ${name}`);
    return happens;
  });
  const ids = Array.from({ length: runs }, (_, k) => runIdOf(seed, k));
  for (let i = 0; i < WORKERS; i++) world.startWorker(CONCURRENCY);
  for (const runId of ids) {
    world.timeline.after(world.chance.between(0, 2_000), () => void world.startRun(runId));
    disturb(world, runId, cancels);
  }
  strikeAgain(world);
  const over = (): boolean =>
    ids.every((id) => world.server.tables.runs.has(id)) &&
    [...world.server.tables.runs.values()].every(({ row }) => isOver(row.state));
  answer(world, over);
  await runUntil(world.timeline, over, LIMIT_MS);
  armBuggify(null);
  const { tables } = world.server;
  const ends: Record<string, number> = {};
  let events = 0;
  for (const { row, events: own } of tables.runs.values()) {
    ends[row.state] = (ends[row.state] ?? 0) + 1;
    events += own.length;
  }
  const bugs = world.warnings.filter((warning) => BUG.test(warning));
  return {
    seed,
    runs,
    events,
    fired: Object.fromEntries(world.fired),
    ends,
    violations: [
      ...checkWorld({
        tables,
        effects: world.effects,
        documentOf: (id) => world.documentOf(id),
        acknowledged: world.started,
      }),
      ...bugs.map((what): Violation => ({ id: 'I0', runId: '', what })),
    ],
  };
}
