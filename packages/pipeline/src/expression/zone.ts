import { ExpressionError } from './error.ts';

const MAX_FORMATS = 200;
const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  const made = makeFormat(zone);
  if (formats.size >= MAX_FORMATS) formats.clear();
  formats.set(zone, made);
  return made;
}

function makeFormat(zone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      calendar: 'iso8601',
      hourCycle: 'h23',
      year: 'numeric',
      era: 'short',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch (cause) {
    throw new ExpressionError('unknown_zone', `There is no time zone "${zone.slice(0, 60)}".`, {
      hint: 'Names of the IANA list: "Europe/Berlin", "America/New_York", "UTC".',
      cause,
    });
  }
}

/** What the clocks of a zone show at an instant, as milliseconds of a clock that runs in UTC. Throws `unknown_zone`. */
export function wallTime(instant: number, zone: string): number {
  const parts = Object.fromEntries(
    format(zone)
      .formatToParts(instant)
      .map(({ type, value }) => [type, value]),
  );
  const part = (name: string) => Number(parts[name] ?? 0);
  return (
    Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second')) +
    (((instant % 1_000) + 1_000) % 1_000)
  );
}

/** The instant at which the clocks of a zone show a time: the first of two, and the one after a gap as far into it. */
export function instantOf(wall: number, zone: string): number {
  const DAY = 86_400_000;
  const offsets = [wallTime(wall - DAY, zone) - (wall - DAY), wallTime(wall + DAY, zone) - (wall + DAY)];
  const exact = offsets.map((offset) => wall - offset).filter((instant) => wallTime(instant, zone) === wall);
  return exact.length > 0 ? Math.min(...exact) : wall - (offsets[0] ?? 0);
}
