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

/** What is wrong with a cron expression of five or six fields, or null. Lists, ranges, steps and English names are known. */
export function cronProblem(expression: string): string | null {
  const parts = expression.trim().split(/\s+/);
  if (parts.length !== 5 && parts.length !== 6)
    return `A cron expression has 5 or 6 fields, this one ${expression.trim() === '' ? 0 : parts.length}.`;
  const fields = FIELDS.slice(6 - parts.length);
  for (const [i, field] of fields.entries()) {
    const wrong = (parts[i] ?? '').split(',').find((item) => !fits(item, field));
    if (wrong !== undefined) return `"${wrong}" is not a ${field.name} (${field.min}-${field.max}).`;
  }
  return null;
}

function fits(item: string, field: Field): boolean {
  const [range = '', step, ...more] = item.split('/');
  if (
    more.length > 0 ||
    (step !== undefined && !(/^\d+$/.test(step) && Number(step) >= 1 && Number(step) <= field.max))
  )
    return false;
  if (range === '*') return true;
  const ends = range.split('-').map((end) => fieldValue(end, field));
  const [from, to = from] = ends;
  return ends.length <= 2 && typeof from === 'number' && typeof to === 'number' && from <= to;
}

function fieldValue(text: string, field: Field): number | null {
  const word = field.words?.indexOf(text.slice(0, 3).toLowerCase()) ?? -1;
  if (word >= 0 && /^[a-z]+$/i.test(text)) return word + (field.name === 'month' ? 1 : 0);
  if (!/^\d{1,2}$/.test(text)) return null;
  const value = Number(text);
  return value >= field.min && value <= field.max ? value : null;
}
