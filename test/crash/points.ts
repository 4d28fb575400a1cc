import { CRASH_POINTS } from '@switchyard/journal';
import type { EventKind } from '@switchyard/pipeline';
import type { Point, Victim, Writer } from './ground.ts';
import { SCRIPTS, type Script, type ScriptName } from './scripts.ts';

/*
 * Where processes die: before and after the append of every kind of event, and at every other crash point. The kinds that
 * nothing writes today stand in UNREACHED; one that begins to occur fails the matrix until it is moved.
 */

/** Which script writes a kind, and whose append it is. */
type Source = { readonly script: ScriptName; readonly writer: Writer };

const from = (writer: Writer, script: ScriptName, kinds: readonly EventKind[]): [EventKind, Source][] =>
  kinds.map((kind) => [kind, { script, writer }]);

const SOURCES = new Map<EventKind, Source>([
  ...from('server', 'work', ['run.started']),
  ...from('server', 'cancel', ['run.cancel_requested']),
  ...from('server', 'pause', ['run.paused', 'run.resumed']),
  ...from('harness', 'wait', ['step.woken', 'approval.decided']),
  ...from('worker', 'work', ['step.started', 'step.retrying', 'step.succeeded', 'step.skipped', 'run.succeeded']),
  ...from('worker', 'fail', ['step.failed', 'run.failed']),
  ...from('worker', 'cancel', ['step.cancelled', 'run.cancelled']),
  ...from('worker', 'wait', ['step.waiting', 'approval.requested']),
  ...from('worker', 'agent', ['turn.started', 'turn.finished', 'turn.incomplete', 'tool.started', 'tool.finished']),
  ...from('worker', 'agent', ['window.compacted', 'budget.spent']),
  ...from('worker', 'thinker', ['thought.checkpointed']),
  ...from('worker', 'each', ['loop.started', 'iteration.started', 'iteration.finished']),
]);

/** Kinds without a kill, each with the reason. */
export const UNREACHED: Partial<Record<EventKind, string>> = {
  'step.queued': 'no part writes it: a step that is opened has a row and no event of its own',
  'tool.in_doubt': 'no tool that an agent step offers has the policy `ask`',
  'tool.decided': 'follows tool.in_doubt',
  'trajectory.started': 'no part writes it yet',
  'trajectory.finished': 'no part writes it yet',
  note: 'no part writes it yet',
};

/** Kinds that have kills. */
export const REACHED: readonly EventKind[] = [...SOURCES.keys()];

const MOMENTS = ['before', 'after'] as const;
type Moment = (typeof MOMENTS)[number];

const placeOf = (kind: EventKind, writer: Writer, moment: Moment): string => {
  if (writer === 'worker' || kind === 'run.resumed') return `append.${moment}:${kind}`;
  return kind === 'run.started' ? `start.${moment}` : `control.${moment}:${kind}`;
};

/** One event kind, one moment, one victim. */
export function pointOf(kind: EventKind, moment: Moment, victim: Victim): Point {
  const source = SOURCES.get(kind);
  if (source === undefined) throw new Error(`no script writes ${kind}`);
  const { writer } = source;
  const script: Script = SCRIPTS[source.script];
  return { row: kind, moment, spec: placeOf(kind, writer, moment), writer, victim, script };
}

const special = (spec: string, script: ScriptName, victim: Victim = 'worker'): Point => {
  const row = spec.replace(/#\d+$/, '');
  return { row, moment: 'at', spec, writer: 'worker', victim, script: SCRIPTS[script] };
};

/** Crash points that belong to no kind of event. The fourth request of `work` is its POST; one before it was refused. */
const SPECIAL: readonly Point[] = [
  special('claim.before', 'work'),
  special('claim.after', 'work'),
  special('ring.before', 'call'),
  special('append.after:step.waiting', 'call'),
  special('tool.before-effect:http', 'work'),
  special('tool.after-effect:http', 'work'),
  special('tool.before-effect:http#4', 'work'),
  special('tool.after-effect:http#3', 'work'),
  special('tool.before-effect:http_fetch', 'agent'),
  special('tool.after-effect:http_fetch', 'agent'),
  special('turn.in-stream', 'agent'),
  special('turn.in-stream', 'thinker', 'engine'),
];

/** Who dies of its own append. A harness speaks for the server, and lets a worker die. */
const ownVictim = (kind: EventKind): Victim => (SOURCES.get(kind)?.writer === 'server' ? 'server' : 'worker');
const OTHERS: readonly Victim[] = ['server', 'engine', 'postgres'];

/** The fast matrix: each kind before and after with its writer as victim, the other victims in turn, and all other points. */
export function fastPoints(): Point[] {
  const own = REACHED.flatMap((kind) => MOMENTS.map((moment) => pointOf(kind, moment, ownVictim(kind))));
  const others = REACHED.filter((_, place) => place % 2 === 0).map((kind, place) =>
    pointOf(kind, MOMENTS[place % 2] ?? 'before', OTHERS[place % OTHERS.length] ?? 'server'),
  );
  return [...own, ...SPECIAL, ...others.filter((point) => point.victim !== ownVictim(point.row as EventKind))];
}

/** Crash points of the product that these points do not name: must be none. */
export const unnamed = (points: readonly Point[]): string[] =>
  CRASH_POINTS.filter((name) => !points.some((point) => point.spec.split(/[:#]/)[0] === name));
