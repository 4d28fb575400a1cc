/*
 * Wall clocks of time zones. A wall time is written as the milliseconds it would be in UTC: 2026-03-29 02:30 in any zone is
 * Date.UTC(2026, 2, 29, 2, 30). The rules of the zones are those of the ICU that Node brings.
 */

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
    era: 'short',
  });
  formats.set(zone, made);
  return made;
}

/** Milliseconds that the zone's clock is ahead of UTC at an instant (ms). Throws `RangeError` for a zone that is none. */
export function offsetAt(zone: string, instant: number): number {
  if (zone === 'UTC') return 0;
  const part: Record<string, number> = {};
  for (const { type, value } of formatOf(zone).formatToParts(instant)) part[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(instant / 1000) * 1000;
}

const DAY = 86_400_000;

/**
 * The instant at which a zone's clock shows a wall time: the first one where the hour is repeated, and where it is skipped
 * the first instant after the gap.
 */
export function instantOf(zone: string, wall: number): number {
  const [before, after] = [offsetAt(zone, wall - DAY), offsetAt(zone, wall + DAY)];
  const [early, late] = [wall - Math.max(before, after), wall - Math.min(before, after)];
  if (early + offsetAt(zone, early) === wall) return early;
  if (late + offsetAt(zone, late) === wall) return late;
  return changeBetween(zone, early, late);
}

/** The first instant in (from, to], to the second, at which the offset is no longer that of `from`; there must be one such change. */
export function changeBetween(zone: string, from: number, to: number): number {
  const old = offsetAt(zone, from);
  let [low, high] = [Math.floor(from / 1000), Math.floor(to / 1000)];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(zone, middle * 1000) === old) low = middle;
    else high = middle;
  }
  return high * 1000;
}
