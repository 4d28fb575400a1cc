type Field = { readonly name: string; readonly min: number; readonly max: number; readonly words?: readonly string[] };

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

const FIELDS: readonly Field[] = [
  { name: 'second', min: 0, max: 59 },
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of month', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12, words: MONTHS },
  { name: 'day of week', min: 0, max: 7, words: DAYS },
];

/** The times a cron expression names, each list rising. Of the week Sunday is 0. */
export type CronTimes = {
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly days: readonly number[];
  readonly months: readonly number[];
  readonly weekdays: readonly number[];
  /** A second, minute or hour is given by a star or names all there are: the schedule ticks, it has no fixed times of day. */
  readonly ticks: boolean;
  /** Both days of month and days of week are restricted: a day fits when either does. */
  readonly eitherDay: boolean;
};

/** What is wrong with a cron expression of five or six fields, or null. Lists, ranges, steps and English names are known. */
export function cronProblem(expression: string): string | null {
  const parts = expression.trim().split(/\s+/);
  if (parts.length !== 5 && parts.length !== 6)
    return `A cron expression has 5 or 6 fields, this one ${expression.trim() === '' ? 0 : parts.length}.`;
  const fields = FIELDS.slice(6 - parts.length);
  for (const [i, field] of fields.entries()) {
    const wrong = (parts[i] ?? '').split(',').find((item) => valuesOf(item, field) === null);
    if (wrong !== undefined) return `"${wrong}" is not a ${field.name} (${field.min}-${field.max}).`;
  }
  return null;
}

/** The times of an expression, or null when `cronProblem` has something to say about it. Five fields begin at second 0. */
export function parseCron(expression: string): CronTimes | null {
  if (cronProblem(expression) !== null) return null;
  const parts = expression.trim().split(/\s+/);
  const texts = parts.length === 5 ? ['0', ...parts] : parts;
  const [seconds = [], minutes = [], hours = [], days = [], months = [], week = []] = FIELDS.map((field, i) =>
    rising((texts[i] ?? '').split(',').flatMap((item) => valuesOf(item, field) ?? [])),
  );
  const stars = texts.map((text, i) => text.startsWith('*') || namesAll([seconds, minutes, hours][i], FIELDS[i]));
  return {
    ...{ seconds, minutes, hours, days, months },
    weekdays: rising(week.map((day) => day % 7)),
    ticks: stars.slice(0, 3).includes(true),
    eitherDay: !stars[3] && !stars[5],
  };
}

const rising = (values: readonly number[]): number[] => [...new Set(values)].sort((a, b) => a - b);

const namesAll = (values: readonly number[] | undefined, field: Field | undefined): boolean =>
  values !== undefined && field !== undefined && values.length === field.max - field.min + 1;

/** The values one item of a field names, or null when it is none. `5/15` begins at 5 and goes on to the end. */
function valuesOf(item: string, field: Field): readonly number[] | null {
  const [range = '', step, ...more] = item.split('/');
  if (more.length > 0 || (step !== undefined && !isStep(step, field))) return null;
  const ends = range === '*' ? [field.min, field.max] : range.split('-').map((end) => fieldValue(end, field));
  const [from, to = step === undefined ? from : field.max] = ends;
  if (ends.length > 2 || typeof from !== 'number' || typeof to !== 'number' || from > to) return null;
  const by = Number(step ?? 1);
  return Array.from({ length: Math.floor((to - from) / by) + 1 }, (_, i) => from + i * by);
}

const isStep = (text: string, field: Field): boolean =>
  /^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= field.max;

function fieldValue(text: string, field: Field): number | null {
  const word = field.words?.indexOf(text.slice(0, 3).toLowerCase()) ?? -1;
  if (word >= 0 && /^[a-z]+$/i.test(text)) return word + (field.name === 'month' ? 1 : 0);
  if (!/^\d{1,2}$/.test(text)) return null;
  const value = Number(text);
  return value >= field.min && value <= field.max ? value : null;
}
