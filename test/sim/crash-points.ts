import type { Violation } from '@switchyard/journal';
import type { JournalEvent, PipelineDocument } from '@switchyard/pipeline';
import { checkWorld } from './check-world.ts';
import { type Effect, nameOf } from './doubles.ts';
import { isLive, isOver, type Tables } from './memory-journal-rows.ts';
import type { Query } from './memory-server.ts';
import { runUntil } from './process.ts';
import { referencePipeline, SECTIONS, type SectionKind } from './reference-pipeline.ts';
import { CALM, runIdOf, World } from './world.ts';

/*
 * Every append and every claim of the reference run, three ways: the worker dies just before it, just after it, or it lives and
 * does not learn what became of it. Each point is a fork of the tables at that moment with the effects of the world so far; a new
 * worker goes on there.
 *
 * It goes on until every step that was live at the crash has ended, and then the state is compared with the reference's: each step
 * that has ended did so with the same state, ports and output. What remains of the run is a function of that state alone (the fold
 * is one, and workers keep nothing else: I3), so it goes on as the reference does, of which every point is tried as well.
 *
 * `unknown` needs a worker that lives, which a fork cannot have: promises are not copied. So the one who takes over is told nothing
 * when it makes up for the missing append: the same step writes the same thing, from the same history.
 */

const SEED = 1;
const CONCURRENCY = 8;
const LIMIT_MS = 900_000;

/** No `race`: which branch is first is the world's choice, and may be another after a crash. */
const KINDS: readonly SectionKind[] = SECTIONS.map((kind) => (kind === 'race' ? 'plain' : kind));
const TURNS = 16;

type Point = {
  readonly before: Tables;
  readonly after: Tables;
  readonly at: number;
  readonly effects: number;
  readonly query: string;
  readonly stepKey: string;
  readonly runId: string;
  /** Of an append, joined: what was written. */
  readonly kinds: string;
};

type Ended = { readonly state: string; readonly told: string };
type ReferenceRun = {
  readonly document: PipelineDocument;
  readonly points: readonly Point[];
  readonly effects: readonly Effect[];
  /** How each step ended, by RUN/STEP; called runs have ids of their own, so theirs stand under `called`. */
  readonly ends: ReadonlyMap<string, Ended>;
};

const RUN = runIdOf(SEED, 0);
const shown = (runId: string): string => (runId === RUN ? 'run' : 'called');

/** How steps ended, by their settling events. */
function endsOf(tables: Tables): Map<string, Ended> {
  const ends = new Map<string, Ended>();
  for (const { row, events } of tables.runs.values())
    for (const row_ of events) {
      const event = row_ as JournalEvent;
      if (event.stepKey === null || !/^step\.(succeeded|failed|skipped|cancelled)$/.test(event.kind)) continue;
      const said = JSON.stringify(event.data).replaceAll(row.id, shown(row.id));
      ends.set(`${shown(row.id)}/${event.stepKey}`, { state: event.kind, told: said });
    }
  return ends;
}

const isOverAll = (world: World): boolean =>
  world.server.tables.runs.has(RUN) && [...world.server.tables.runs.values()].every(({ row }) => isOver(row.state));

const LOOK_EVERY_MS = 100;

function answerAll(world: World): void {
  world.timeline.after(LOOK_EVERY_MS, () => {
    for (const question of world.questions()) world.answer(question, 'one');
    answerAll(world);
  });
}

/** What an append or a claim says about itself: its step, and what it writes. */
function sceneOf({ name, values }: Query): Pick<Point, 'runId' | 'stepKey' | 'kinds'> {
  const [runId, second, third] = values;
  if (name === 'claim') return { runId: String(runId), stepKey: String(second), kinds: 'claim' };
  const kinds = values[8];
  return { runId: String(runId), stepKey: String(third), kinds: Array.isArray(kinds) ? kinds.join() : '' };
}

const writes = ({ name }: Query): boolean => name === 'append' || name === 'claim';

/** Plays the reference run and keeps a fork around each of its writes. */
async function playReference(): Promise<ReferenceRun> {
  const document = referencePipeline({ sections: KINDS, turns: TURNS, calls: 2 });
  const world = new World({ seed: SEED, document, trouble: CALM });
  const points: Point[] = [];
  const seqs = (tables: Tables): number => [...tables.runs.values()].reduce((sum, { row }) => sum + row.seq, 0);
  world.wire.around = (query, run) => {
    if (!writes(query)) return run();
    const { tables } = world.server;
    const [at, effects, seq] = [world.now, world.effects.length, seqs(tables)];
    const before = tables.fork(() => at);
    const rows = run();
    if (seqs(tables) > seq)
      points.push({ before, after: tables.fork(() => at), at, effects, query: query.name, ...sceneOf(query) });
    return rows;
  };
  world.startWorker(CONCURRENCY);
  void world.startRun(RUN);
  answerAll(world);
  if (!(await runUntil(world.timeline, () => isOverAll(world), LIMIT_MS))) throw new Error('the reference run hangs');
  return { document, points, effects: world.effects, ends: endsOf(world.server.tables) };
}

type Way = 'before' | 'after' | 'unknown';
const WAYS: readonly Way[] = ['before', 'after', 'unknown'];

/** Answers of one statement that are lost: carried out, not carried out, or the database is away until the client gives up. */
const LOSSES = ['commit unknown, applied', 'commit unknown, not applied', 'commit unknown, given up'] as const;
const GIVEN_UP_MS = 35_000;

/** Loses the answer of the first write that makes up for the point's. */
function loseAnswer(world: World, point: Point, index: number): void {
  const loss = LOSSES[index % LOSSES.length] ?? LOSSES[0];
  const { fate } = world.wire;
  let lost = false;
  world.wire.fate = (process, query) => {
    const usual = fate(process, query);
    const scene = lost || query.name !== point.query ? null : sceneOf(query);
    if (scene === null || scene.runId !== point.runId || scene.stepKey !== point.stepKey) return usual;
    lost = true;
    world.count(loss);
    if (loss === 'commit unknown, given up') world.awayUntil = world.timeline.now + GIVEN_UP_MS;
    return { ...usual, end: loss === 'commit unknown, not applied' ? 'refused' : 'torn' };
  };
}

/** Steps that had not ended, by RUN/STEP. */
const liveAt = (tables: Tables): ReadonlySet<string> =>
  new Set([...tables.liveSteps()].map((step) => `${step.runId}/${step.key}`));

/** True when everything that was live then has ended now. */
function caughtUp(tables: Tables, live: ReadonlySet<string>): boolean {
  for (const name of live) {
    const step = tables.step(name.slice(0, 36), name.slice(37));
    if (step !== undefined && isLive(step.state)) return false;
  }
  return true;
}

/** A POST that may have arrived is not sent again: then, and only then, its step ends otherwise than in the reference. */
const isUnknownPost = (name: string, { told }: Ended): boolean =>
  /\/p\d+$/.test(name) && told.includes('outcome_unknown');

/** A join names its arrivals in their order, a wait its time: those are the world's choice. */
const isTimely = (name: string): boolean => /\/[wy]\d+$/.test(name);

function differences(tables: Tables, reference: ReferenceRun): string[] {
  return [...endsOf(tables)].flatMap(([name, end]) => {
    const other = reference.ends.get(name);
    if (other?.state === end.state && (other.told === end.told || isTimely(name))) return [];
    return isUnknownPost(name, end)
      ? []
      : [`${name} ended as ${end.told.slice(0, 200)}, in the reference ${other?.told.slice(0, 200)}`];
  });
}

/** What one point showed. */
type Tried = {
  readonly violations: readonly Violation[];
  readonly repeated: number;
  readonly fired: ReadonlyMap<string, number>;
};

async function tryPoint(reference: ReferenceRun, index: number, way: Way): Promise<Tried> {
  const point = reference.points[index];
  if (point === undefined) throw new Error(`there is no point ${index}`);
  const tables = way === 'after' ? point.after : point.before;
  const world = new World({
    seed: SEED + index,
    document: reference.document,
    trouble: CALM,
    tables,
    effects: reference.effects.slice(0, point.effects),
    from: point.at,
  });
  world.killEverybody();
  if (way === 'unknown') loseAnswer(world, point, index);
  const live = liveAt(tables);
  world.startWorker(CONCURRENCY);
  answerAll(world);
  const ended = await runUntil(world.timeline, () => caughtUp(world.server.tables, live), LIMIT_MS);
  const after = world.server.tables;
  const wrong = [
    ...(ended ? [] : [`${[...live].filter((name) => !caughtUp(after, new Set([name]))).join()} never ended`]),
    ...differences(after, reference),
  ];
  const place = `point ${index} (${point.query} of ${point.stepKey}: ${point.kinds}), ${way}: `;
  const checked = checkWorld({
    tables: after,
    effects: world.effects,
    documentOf: (id) => world.documentOf(id),
    acknowledged: [],
    atRest: false,
  });
  return {
    violations: [
      ...checked.map((violation) => ({ ...violation, what: place + violation.what })),
      ...wrong.map((what): Violation => ({ id: 'I3', runId: RUN, what: place + what })),
    ],
    repeated: world.effects.length - new Set(world.effects.map(nameOf)).size,
    fired: world.fired,
  };
}

let played: Promise<ReferenceRun> | null = null;

/** How many writes the reference run has: each is three points. */
export async function countPoints(): Promise<number> {
  played ??= playReference();
  return (await played).points.length;
}

/** Tries the points from `from` to before `to`, each three ways. */
export async function tryPoints(from: number, to: number) {
  played ??= playReference();
  const reference = await played;
  const usual = reference.effects.length - new Set(reference.effects.map(nameOf)).size;
  const fired: Record<string, number> = {};
  const violations: Violation[] = [];
  let [points, repeated] = [0, 0];
  for (let index = from; index < Math.min(to, reference.points.length); index++)
    for (const way of WAYS) {
      const tried = await tryPoint(reference, index, way);
      points += 1;
      violations.push(...tried.violations);
      if (tried.repeated > usual) repeated += 1;
      for (const [name, count] of tried.fired) fired[name] = (fired[name] ?? 0) + count;
    }
  return { points, repeated, fired, violations };
}
