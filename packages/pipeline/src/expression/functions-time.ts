import { ExpressionError } from './error.ts';
import { describe, type ExpressionFunction, numberArgument, textArgument } from './function.ts';
import { instantOf, wallTime } from './zone.ts';

/** Times have four digits for their year; JavaScript reads years below 100 as of the last century. */
const EARLIEST = Date.UTC(1000, 0, 2);
const LATEST = Date.UTC(9999, 11, 30);
const ISO = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?$/;

const UNITS: Readonly<Record<string, number>> = { seconds: 1e3, minutes: 6e4, hours: 36e5, days: 864e5, weeks: 6048e5 };
const TOKEN = /yyyy|MM|dd|HH|mm|ss|SSS/g;

const held = (instant: number, usage: string): number => {
  if (instant >= EARLIEST && instant <= LATEST) return instant;
  throw new ExpressionError('time_out_of_range', `${usage}: the time is outside of the years 1000 to 9999.`);
};

/** An argument that must be a time: a CEL timestamp or ISO 8601 text; text without a zone is UTC. Milliseconds. */
function timeArgument(value: unknown, usage: string): number {
  if (value instanceof Date) return held(value.getTime(), usage);
  if (typeof value !== 'string' || !ISO.test(value))
    throw new ExpressionError('wrong_argument', `${usage}: a time is needed, not ${describe(value)}.`, {
      hint: 'ISO 8601, as 2026-11-25T12:00:00Z.',
    });
  const zoned = /(Z|[+-]\d\d:?\d\d)$/.test(value.slice(10));
  const instant = Date.parse(value.length === 10 || zoned ? value : `${value.replace(' ', 'T')}Z`);
  if (Number.isFinite(instant)) return held(instant, usage);
  throw new ExpressionError('wrong_argument', `${usage}: there is no such time.`);
}

const iso = (instant: number) => new Date(instant).toISOString();
const zoneArgument = (zone: unknown, usage: string) => (zone === undefined ? 'UTC' : textArgument(zone, usage));

function addTime(time: unknown, amount: unknown, unit: unknown, zone?: unknown): string {
  const usage = 'addTime(time, amount, unit, zone)';
  const instant = timeArgument(time, usage);
  const count = numberArgument(amount, usage);
  const name = textArgument(unit, usage);
  const place = zoneArgument(zone, usage);
  if (name === 'months' || name === 'years')
    return iso(addMonths(instant, name === 'years' ? count * 12 : count, place));
  const size = unitSize(name, usage);
  // Days and weeks are steps of the calendar: the clock shows the same time after them.
  if (size < 864e5) return iso(held(instant + count * size, usage));
  return iso(held(instantOf(held(wallTime(instant, place) + count * size, usage), place), usage));
}

function addMonths(instant: number, months: number, zone: string): number {
  const usage = 'addTime(time, amount, unit, zone)';
  const wall = new Date(wallTime(instant, zone));
  const day = wall.getUTCDate();
  wall.setUTCDate(1);
  wall.setUTCMonth(wall.getUTCMonth() + Math.trunc(months));
  const last = new Date(Date.UTC(wall.getUTCFullYear(), wall.getUTCMonth() + 1, 0)).getUTCDate();
  wall.setUTCDate(Math.min(day, last));
  return held(instantOf(held(wall.getTime(), usage), zone), usage);
}

function unitSize(name: string, usage: string): number {
  const size = Object.hasOwn(UNITS, name) ? UNITS[name] : undefined;
  if (size !== undefined) return size;
  throw new ExpressionError('wrong_argument', `${usage}: the unit is one of ${Object.keys(UNITS).join(', ')}.`);
}

function timeBetween(from: unknown, to: unknown, unit: unknown): number {
  const usage = 'timeBetween(from, to, unit)';
  return (timeArgument(to, usage) - timeArgument(from, usage)) / unitSize(textArgument(unit, usage), usage);
}

function startOf(time: unknown, unit: unknown, zone?: unknown): string {
  const usage = 'startOf(time, unit, zone)';
  const place = zoneArgument(zone, usage);
  const wall = new Date(wallTime(timeArgument(time, usage), place));
  const name = textArgument(unit, usage);
  if (!['hour', 'day', 'week', 'month', 'year'].includes(name))
    throw new ExpressionError('wrong_argument', `${usage}: the unit is hour, day, week, month or year.`);
  wall.setUTCMinutes(0, 0, 0);
  if (name !== 'hour') wall.setUTCHours(0);
  if (name === 'week') wall.setUTCDate(wall.getUTCDate() - ((wall.getUTCDay() + 6) % 7));
  if (name === 'month') wall.setUTCDate(1);
  if (name === 'year') wall.setUTCMonth(0, 1);
  return iso(held(instantOf(wall.getTime(), place), usage));
}

function timeParts(time: unknown, zone?: unknown): ReadonlyMap<string, bigint> {
  const usage = 'timeParts(time, zone)';
  const wall = new Date(wallTime(timeArgument(time, usage), zoneArgument(zone, usage)));
  return new Map([
    ['year', BigInt(wall.getUTCFullYear())],
    ['month', BigInt(wall.getUTCMonth() + 1)],
    ['day', BigInt(wall.getUTCDate())],
    ['hour', BigInt(wall.getUTCHours())],
    ['minute', BigInt(wall.getUTCMinutes())],
    ['second', BigInt(wall.getUTCSeconds())],
    ['weekday', BigInt(((wall.getUTCDay() + 6) % 7) + 1)],
  ]);
}

function formatTime(time: unknown, pattern: unknown, zone?: unknown): string {
  const usage = 'formatTime(time, pattern, zone)';
  const wall = new Date(wallTime(timeArgument(time, usage), zoneArgument(zone, usage)));
  const text = textArgument(pattern, usage);
  if (text.length > 200) throw new ExpressionError('too_large', `${usage}: a pattern may have 200 characters.`);
  const digits = (value: number, length: number) => String(value).padStart(length, '0');
  const tokens: Readonly<Record<string, string>> = {
    yyyy: digits(wall.getUTCFullYear(), 4),
    MM: digits(wall.getUTCMonth() + 1, 2),
    dd: digits(wall.getUTCDate(), 2),
    HH: digits(wall.getUTCHours(), 2),
    mm: digits(wall.getUTCMinutes(), 2),
    ss: digits(wall.getUTCSeconds(), 2),
    SSS: digits(wall.getUTCMilliseconds(), 3),
  };
  return text.replace(TOKEN, (token) => tokens[token] ?? token);
}

/** Times. None asks what time it is: an expression gives the same whenever it is evaluated. */
export const TIME_FUNCTIONS: readonly ExpressionFunction[] = [
  {
    name: 'addTime',
    usage: 'addTime(time, amount, unit, zone)',
    help: 'A later time, or an earlier one for an amount below 0. Units: seconds, minutes, hours, days, weeks, months, years. Days and longer keep the time of day of the zone (UTC when left out).',
    example: 'addTime("2026-10-24T12:00:00Z", 1, "days", "Europe/Berlin")',
    result: '2026-10-25T13:00:00.000Z',
    signatures: ['addTime(dyn, dyn, dyn): string', 'addTime(dyn, dyn, dyn, dyn): string'],
    call: addTime,
  },
  {
    name: 'timeBetween',
    usage: 'timeBetween(from, to, unit)',
    help: 'How long it is from one time to another, in seconds, minutes, hours, days or weeks.',
    example: 'timeBetween("2026-11-25T12:00:00Z", "2026-11-25T13:30:00Z", "hours")',
    result: 1.5,
    signatures: ['timeBetween(dyn, dyn, dyn): double'],
    call: timeBetween,
  },
  {
    name: 'startOf',
    usage: 'startOf(time, unit, zone)',
    help: 'When the hour, day, week (Monday), month or year of a time began in the zone.',
    example: 'startOf("2026-11-25T12:00:00Z", "day", "America/New_York")',
    result: '2026-11-25T05:00:00.000Z',
    signatures: ['startOf(dyn, dyn): string', 'startOf(dyn, dyn, dyn): string'],
    call: startOf,
  },
  {
    name: 'formatTime',
    usage: 'formatTime(time, pattern, zone)',
    help: 'A time as text of yyyy, MM, dd, HH, mm, ss and SSS, as clocks of the zone show it.',
    example: 'formatTime("2026-07-01T12:00:00Z", "dd.MM.yyyy HH:mm", "Europe/Berlin")',
    result: '01.07.2026 14:00',
    signatures: ['formatTime(dyn, dyn): string', 'formatTime(dyn, dyn, dyn): string'],
    call: formatTime,
  },
  {
    name: 'timeParts',
    usage: 'timeParts(time, zone)',
    help: 'year, month, day, hour, minute, second and weekday (1 is Monday) in the zone.',
    example: 'timeParts("2026-11-25T23:30:00Z", "Asia/Tokyo").day',
    result: 26,
    signatures: ['timeParts(dyn): map', 'timeParts(dyn, dyn): map'],
    call: timeParts,
  },
  {
    name: 'zonedTime',
    usage: 'zonedTime(text, zone)',
    help: 'The instant at which clocks of the zone show this time.',
    example: 'zonedTime("2026-07-01T12:00:00", "Europe/Berlin")',
    result: '2026-07-01T10:00:00.000Z',
    signatures: ['zonedTime(dyn, dyn): string'],
    call: (text, zone) => {
      const usage = 'zonedTime(text, zone)';
      return iso(held(instantOf(timeArgument(text, usage), zoneArgument(zone, usage)), usage));
    },
  },
  {
    name: 'toUnix',
    usage: 'toUnix(time)',
    help: 'Seconds since 1970.',
    example: 'toUnix("1970-01-02T00:00:00Z")',
    result: 86_400,
    signatures: ['toUnix(dyn): double'],
    call: (time) => timeArgument(time, 'toUnix(time)') / 1_000,
  },
  {
    name: 'fromUnix',
    usage: 'fromUnix(seconds)',
    help: 'The time so many seconds after 1970.',
    example: 'fromUnix(86400)',
    result: '1970-01-02T00:00:00.000Z',
    signatures: ['fromUnix(dyn): string'],
    call: (seconds) => iso(held(numberArgument(seconds, 'fromUnix(seconds)') * 1_000, 'fromUnix(seconds)')),
  },
];
