import { type CronTimes, parseCron } from '@switchyard/pipeline';
import { changeBetween, instantOf, offsetAt } from './zone.ts';

/*
 * When a schedule fires. Two kinds of cron expression, as in Vixie's cron:
 *
 * - Fixed times (`30 2 * * *`, `0,30 1-3 * * 1`): each wall time fires once a day. One that the clocks skip fires at the first
 *   instant after the gap, one that they show twice at the first of the two.
 * - Ticking ones (a star, `*` with a step or all values as second, minute or hour): they fire at every instant whose wall time fits, so
 *   they keep ticking through the repeated hour, and nothing is made up for in the skipped one.
 *
 * An interval fires at the multiples of its seconds since 1970-01-01 UTC, so it neither drifts nor knows of zones.
 */

/** A schedule's expression and the zone its hours are meant in, or an interval. */
export type Timing = {
  readonly cron: string | null;
  readonly everySeconds: number | null;
  readonly timezone: string;
};

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** 29 February comes again after eight years at most, and on a Saturday after 40. */
const DAYS_AHEAD = 41 * 366;

/** The first fire time after an instant (both ms, whole seconds out); null when there is none or the timing cannot be read. */
export function nextFire(timing: Timing, after: number): number | null {
  if (timing.everySeconds !== null) {
    const every = timing.everySeconds * 1000;
    return every > 0 ? (Math.floor(after / every) + 1) * every : null;
  }
  const times = parseCron(timing.cron ?? '');
  if (times === null) return null;
  try {
    return times.ticks ? nextTick(times, timing.timezone, after) : nextFixed(times, timing.timezone, after);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** The next `count` fire times after now. */
export function nextFires(timing: Timing, now: Date, count: number): Date[] {
  const fires: Date[] = [];
  for (let at = nextFire(timing, now.getTime()); at !== null && fires.length < count; at = nextFire(timing, at))
    fires.push(new Date(at));
  return fires;
}

/** Wall times rise with the instants they fire at, so the first that fires later is the next. */
function nextFixed(times: CronTimes, zone: string, after: number): number | null {
  // a gap may have moved a wall time forward by as much as a day (Samoa crossed the date line)
  let wall = after + offsetAt(zone, after) - DAY - HOUR;
  for (;;) {
    const next = nextWall(times, wall);
    if (next === null) return null;
    const instant = instantOf(zone, next);
    if (instant > after) return instant;
    wall = next;
  }
}

/** Follows the wall clock from one change of the offset to the next. */
function nextTick(times: CronTimes, zone: string, after: number): number | null {
  let at = after;
  let wall = at + offsetAt(zone, at);
  for (;;) {
    const next = nextWall(times, wall);
    if (next === null) return null;
    const instant = at + (next - wall);
    if (instant - at > 2 * DAY) {
      // nothing fits before it; come near enough that one change of the clocks at most lies between
      at = instant - DAY - HOUR;
      wall = at + offsetAt(zone, at);
      continue;
    }
    if (offsetAt(zone, instant) === wall - at) return instant;
    const change = changeBetween(zone, at, instant);
    at = change - 1;
    wall = change + offsetAt(zone, change) - 1;
  }
}

/** The first wall time after another that an expression names. */
function nextWall(times: CronTimes, after: number): number | null {
  const from = Math.floor(after / 1000) * 1000 + 1000;
  const midnight = Math.floor(from / DAY) * DAY;
  for (let i = 0; i < DAYS_AHEAD; i++) {
    const day = midnight + i * DAY;
    if (!fitsDay(times, new Date(day))) continue;
    const seconds = timeOfDay(times, i === 0 ? (from - day) / 1000 : 0);
    if (seconds !== null) return day + seconds * 1000;
  }
  return null;
}

function fitsDay({ days, months, weekdays, eitherDay }: CronTimes, day: Date): boolean {
  if (!months.includes(day.getUTCMonth() + 1)) return false;
  const [byMonth, byWeek] = [days.includes(day.getUTCDate()), weekdays.includes(day.getUTCDay())];
  return eitherDay ? byMonth || byWeek : byMonth && byWeek;
}

/** Seconds since midnight of the first time of day at or after others; null: not on this day. */
function timeOfDay({ hours, minutes, seconds }: CronTimes, from: number): number | null {
  for (const hour of hours) {
    if (hour * 3600 + 3599 < from) continue;
    for (const minute of minutes) {
      const base = hour * 3600 + minute * 60;
      if (base + 59 < from) continue;
      const second = seconds.find((one) => base + one >= from);
      if (second !== undefined) return base + second;
    }
  }
  return null;
}
