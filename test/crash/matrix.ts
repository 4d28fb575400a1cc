import { parseArgs } from 'node:util';
import { CRASH_POINTS } from '@switchyard/journal';
import { EVENT_KINDS } from '@switchyard/pipeline';
import { type Audit, audit } from './audit.ts';
import { type Ground, type Kill, openGround, type Point, type Victim } from './ground.ts';
import { longKills } from './long.ts';
import { fastPoints, REACHED, UNREACHED, unnamed } from './points.ts';

/*
 * `npm run crash -- matrix [--long] [--only TEXT]`: real `kill -9` of worker, server, engine and Postgres at every kind of
 * event. Prints the matrix and one JSON line; false when anything did not hold or a kill did not happen.
 */

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** Runs the matrix. `--only` takes the points whose place or row holds the text, and then asks for no full coverage. */
export async function run(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      long: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      seed: { type: 'string', default: '1' },
      sample: { type: 'string', default: '600' },
    },
  });
  const began = performance.now();
  const ground = await openGround();
  try {
    const points = fastPoints().filter((point) =>
      `${point.spec} ${point.victim} ${point.script.name}`.includes(values.only),
    );
    const kills = await strikeAll(ground, points);
    if (values.long)
      kills.push(...(await longKills(ground, { seed: Number(values.seed), sample: Number(values.sample) })));
    const runs = await ground.settle();
    const found = await audit(ground, runs);
    const problems = [...found.violations, ...(values.only === '' ? gaps(kills, found) : missing(kills))];
    print(kills);
    for (const problem of problems) say(`violation: ${problem}`);
    total({
      kills,
      runs: runs.length,
      found,
      problems,
      seconds: (performance.now() - began) / 1_000,
      long: values.long,
    });
    return problems.length === 0;
  } finally {
    await ground.close();
  }
}

async function strikeAll(ground: Ground, points: readonly Point[]): Promise<Kill[]> {
  const kills: Kill[] = [];
  for (const point of points) {
    const began = performance.now();
    const fired = await ground.strike(point);
    kills.push({ point, fired: fired?.crash ?? null });
    say(
      `${fired === null ? 'NOT KILLED' : 'kill -9'} ${point.victim} at ${point.spec} (${point.script.name}), ${Math.round(performance.now() - began)} ms`,
    );
  }
  return kills;
}

const missing = (kills: readonly Kill[]): string[] =>
  kills
    .filter((kill) => kill.fired === null)
    .map(({ point }) => `no kill of the ${point.victim} at ${point.spec} in ${point.script.name}`);

/** What was not tested though it should have been. */
function gaps(kills: readonly Kill[], { kinds }: Audit): string[] {
  const never = CRASH_POINTS.filter((name) => !kills.some((kill) => kill.fired === name));
  return [
    ...missing(kills),
    ...never.map((name) => `crash point ${name} was never hit`),
    ...unnamed(kills.map((kill) => kill.point)).map((name) => `crash point ${name} is in no row`),
    ...EVENT_KINDS.filter((kind) => !REACHED.includes(kind) && UNREACHED[kind] === undefined).map(
      (kind) => `no kill for ${kind}, and no reason why`,
    ),
    ...EVENT_KINDS.filter((kind) => REACHED.includes(kind) && !kinds.has(kind)).map((kind) => `${kind} did not occur`),
    ...EVENT_KINDS.filter((kind) => UNREACHED[kind] !== undefined && kinds.has(kind)).map(
      (kind) => `${kind} occurs now: it needs its kills (${UNREACHED[kind]})`,
    ),
  ];
}

const VICTIMS: readonly Victim[] = ['worker', 'server', 'engine', 'postgres'];

/** Rows: kinds and points. Columns: victims. Cells: kills that happened. */
function print(kills: readonly Kill[]): void {
  const rows = [...new Set(kills.map(({ point }) => `${point.row} ${point.moment}`))];
  const width = Math.max(...rows.map((row) => row.length));
  say(`${''.padEnd(width)}  ${VICTIMS.map((victim) => victim.padStart(8)).join('')}`);
  for (const row of rows) {
    const cells = VICTIMS.map((victim) => {
      const own = kills.filter(({ point }) => `${point.row} ${point.moment}` === row && point.victim === victim);
      return own.length === 0 ? '' : String(own.filter((kill) => kill.fired !== null).length);
    });
    say(`${row.padEnd(width)}  ${cells.map((cell) => cell.padStart(8)).join('')}`);
  }
}

function total(all: {
  readonly kills: readonly Kill[];
  readonly runs: number;
  readonly found: Audit;
  readonly problems: readonly string[];
  readonly seconds: number;
  readonly long: boolean;
}): void {
  const fired = all.kills.filter((kill) => kill.fired !== null);
  const count = (victim: Victim): number => fired.filter(({ point }) => point.victim === victim).length;
  process.stdout.write(
    `${JSON.stringify({
      crash: 'matrix',
      long: all.long,
      kills: fired.length,
      asked: all.kills.length,
      ...Object.fromEntries(VICTIMS.map((victim) => [victim, count(victim)])),
      crash_points: new Set(fired.map((kill) => kill.fired)).size,
      kinds: all.found.kinds.size,
      unreached: Object.keys(UNREACHED).length,
      runs: all.runs,
      violations: all.problems.length,
      seconds: Math.round(all.seconds),
    })}\n`,
  );
}
