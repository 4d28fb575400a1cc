import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { nextFire, nextFires } from '../../apps/server/src/schedule/next-fires.ts';

/*
 * When schedules fire where clocks change: C1 (skipped and repeated hour), C2 (quarters keep ticking), C5 (right at once), C6
 * (never stuck). The times in dst.json were worked out by hand from the changes of each zone.
 */

type Case = {
  readonly name: string;
  readonly cron: string;
  readonly timezone: string;
  readonly after: string;
  /** The fire times in order; none: it never fires. */
  readonly fires: readonly string[];
};

const cases: readonly Case[] = JSON.parse(readFileSync(new URL('./dst.json', import.meta.url), 'utf8'));
const told = (at: Date): string => at.toISOString().replace('.000Z', 'Z');

describe('C1 C2 C5 C6: schedules where clocks change', () => {
  it('are a table of at least forty cases', () => expect(cases.length).toBeGreaterThanOrEqual(40));

  it.each(cases)('$timezone, $cron: $name', ({ cron, timezone, after, fires }) => {
    const found = nextFires({ cron, timezone, everySeconds: null }, new Date(after), Math.max(1, fires.length));
    expect(found.map(told)).toEqual(fires);
  });

  it.each(cases)('$timezone, $cron: the same from any moment between two times', ({ cron, timezone, fires }) => {
    for (const [i, at] of fires.slice(1).entries()) {
      const [before, next] = [Date.parse(fires[i] ?? ''), Date.parse(at)];
      for (const moment of [before, before + 1, (before + next) / 2, next - 1])
        expect(nextFire({ cron, timezone, everySeconds: null }, moment)).toBe(next);
    }
  });

  it('an interval is a multiple of its seconds, whatever the clocks do', () => {
    const every = { cron: null, everySeconds: 5_400, timezone: 'Europe/Berlin' };
    expect(nextFires(every, new Date('2026-03-29T00:00:01Z'), 2).map(told)).toEqual([
      '2026-03-29T01:30:00Z',
      '2026-03-29T03:00:00Z',
    ]);
  });

  it('what is no zone never fires', () =>
    expect(nextFires({ cron: '* * * * *', timezone: 'Mars/Base', everySeconds: null }, new Date(0), 1)).toEqual([]));
});
