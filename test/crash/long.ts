import { randomFrom } from '../demo/draw.ts';
import type { Ground, Kill, Victim } from './ground.ts';
import { SCRIPTS } from './scripts.ts';

/*
 * The long variant: every append of the reference run, before and after, with worker, server and engine as victims; and a
 * sample of points of runs of 300 steps, drawn from a seed, many in each run.
 */

const MOMENTS = ['before', 'after'] as const;
const VICTIMS: readonly Victim[] = ['worker', 'server', 'engine'];
/** Appends of the reference run that are hit. */
const APPENDS = 60;
const KILLS_PER_RUN = 60;
const LONGEST_STRIDE = 8;

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** 360 kills of the reference run, then `sample` of long runs. */
export async function longKills(
  ground: Ground,
  given: { readonly seed: number; readonly sample: number },
): Promise<Kill[]> {
  return [...(await everyAppend(ground)), ...(await sampled(ground, given))];
}

async function everyAppend(ground: Ground): Promise<Kill[]> {
  const appends = Array.from({ length: APPENDS }, (_, i) => i + 1);
  const all = VICTIMS.flatMap((victim) =>
    appends.flatMap((append) => MOMENTS.map((moment) => ({ victim, spec: `append.${moment}#${append}`, moment }))),
  );
  const kills: Kill[] = [];
  for (const { victim, spec, moment } of all) {
    const row = 'each append of the reference run';
    const point = { row, moment, spec, writer: 'worker' as const, victim, script: SCRIPTS.reference };
    const fired = await ground.strike(point);
    kills.push({ point, fired: fired?.crash ?? null });
    if (kills.length % 40 === 0) say(`${kills.length} of ${all.length} kills in the reference run`);
  }
  return kills;
}

async function sampled(
  ground: Ground,
  { seed, sample }: { readonly seed: number; readonly sample: number },
): Promise<Kill[]> {
  const random = randomFrom(seed);
  const kills: Kill[] = [];
  const places = ['append.before', 'append.after', 'tool.before-effect', 'tool.after-effect'];
  while (kills.length < sample) {
    const run = await ground.start(SCRIPTS.long);
    for (let kill = 0; kill < KILLS_PER_RUN && kills.length < sample; kill++) {
      const place = places[Math.floor(random() * places.length)] ?? 'append.after';
      const victim: Victim = random() < 0.85 ? 'worker' : random() < 0.5 ? 'server' : 'postgres';
      const spec = `${place}#${1 + Math.floor(random() * LONGEST_STRIDE)}`;
      const fired = await ground.strikeAgain(run, spec, victim);
      if (fired === null) break; // the run has ended
      const point = {
        row: 'sample of 300 steps',
        moment: place,
        spec,
        writer: 'worker' as const,
        victim,
        script: SCRIPTS.long,
      };
      kills.push({ point, fired: fired.crash });
    }
    say(`${kills.length} of ${sample} kills in runs of 300 steps`);
  }
  return kills;
}
