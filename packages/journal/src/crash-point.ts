import { writeSync } from 'node:fs';

/** Every place where a test may kill the process: before and after each write, and around effects. */
export const CRASH_POINTS = [
  'start.before',
  'start.after',
  'claim.before',
  'claim.after',
  'append.before',
  'append.after',
  'ring.before',
  'control.before',
  'control.after',
  'tool.before-effect',
  'tool.after-effect',
  'turn.in-stream',
] as const;

/** One of CRASH_POINTS. */
export type CrashPointName = (typeof CRASH_POINTS)[number];

/** Where the process stands: `kinds` of the events written, `seq` the last one known. */
export type CrashScene = { readonly runId: string; readonly kinds?: readonly string[]; readonly seq?: number };

type Armed = {
  readonly name: CrashPointName;
  readonly kind: string | null;
  readonly hit: number;
  readonly runId: string | null;
  readonly victim: number | null;
};

let armed: Armed | null = null;
let hits = 0;

const isName = (name: string): name is CrashPointName => (CRASH_POINTS as readonly string[]).includes(name);

/**
 * Arms one crash: `name[:event kind][#k-th hit][@run id][!process id]`, such as `append.after:tool.started#5`; with a process id
 * that process is killed and this one goes on. Null disarms. Throws on a spec that names no crash point: a test that kills
 * nothing must not pass.
 */
export function armCrashPoint(spec: string | null): void {
  armed = null;
  hits = 0;
  if (spec === null) return;
  const match = /^([a-z.-]+)(?::([a-z_.]+))?(?:#(\d+))?(?:@([0-9a-f-]{36}))?(?:!(\d+))?$/.exec(spec);
  const name = match?.[1] ?? '';
  if (match === null || !isName(name))
    throw new Error(`no crash point '${spec}'; there are ${CRASH_POINTS.join(', ')}`);
  const victim = match[5] === undefined ? null : Number(match[5]);
  armed = { name, kind: match[2] ?? null, hit: Number(match[3] ?? 1), runId: match[4] ?? null, victim };
}

/** Does nothing, unless armed for this place: then one JSON line on stderr, and SIGKILL to this very process or the armed one. */
export function crashPoint(name: CrashPointName, scene: CrashScene): void {
  if (armed === null || armed.name !== name) return;
  if (armed.runId !== null && armed.runId !== scene.runId) return;
  if (armed.kind !== null && !(scene.kinds ?? []).includes(armed.kind)) return;
  hits += 1;
  if (hits < armed.hit) return;
  writeSync(
    2,
    `${JSON.stringify({ crash: name, hit: hits, runId: scene.runId, seq: scene.seq ?? null, kinds: scene.kinds ?? [] })}\n`,
  );
  const victim = armed.victim ?? process.pid;
  armed = null;
  process.kill(victim, 'SIGKILL');
}

/** Every place where a simulation may make rare but right behaviour common. */
export const BUGGIFY_POINTS = ['run-cache.forget', 'settle.no-successor'] as const;

/** One of BUGGIFY_POINTS. */
export type BuggifyName = (typeof BUGGIFY_POINTS)[number];

let decide: ((name: BuggifyName) => boolean) | null = null;

/** Lets a simulation decide what `buggify` answers. Null disarms. */
export function armBuggify(decider: ((name: BuggifyName) => boolean) | null): void {
  decide = decider;
}

/** Whether the rare thing shall happen here now; false unless a simulation is armed. What it guards must be right either way. */
export const buggify = (name: BuggifyName): boolean => decide?.(name) === true;
