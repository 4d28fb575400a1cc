import { nextFire, type Timing } from './next-fires.ts';

/** Seconds after which a time counts as missed; until then it is fired late. */
export const GRACE_MS = 60_000;
/** Missed times that are named one by one, and so the most that `all` fires. */
export const MOST_MISSED = 100;
const FIRST_WINDOW_MS = 100_000;

/** What is to be done about the times that have come. */
export type CatchUp = {
  /** To fire, in order. */
  readonly fire: readonly number[];
  /** Nobody was there; rising. */
  readonly missed: readonly number[];
  /** Times before these were missed too, too many to name. */
  readonly more: boolean;
};

/** Sorts the times from `due` to `now` (ms, both in) by the missed policy. Those within the grace are fired in any case. */
export function catchUp(
  timing: Timing & { readonly missed: 'skip' | 'last' | 'all' },
  due: number,
  now: number,
): CatchUp {
  const { times, more } = timesUntil(timing, due, now);
  const late = times.filter((at) => now - at > GRACE_MS);
  const onTime = times.slice(late.length);
  const caughtUp =
    timing.missed === 'all' ? late : timing.missed === 'last' && onTime.length === 0 ? late.slice(-1) : [];
  return { fire: [...caughtUp, ...onTime], missed: late.slice(0, late.length - caughtUp.length), more };
}

/** All times of the grace, and the last MOST_MISSED before it. Looks back in windows that grow, so years of seconds cost nothing. */
function timesUntil(timing: Timing, due: number, now: number): { readonly times: number[]; readonly more: boolean } {
  for (let window = FIRST_WINDOW_MS; ; window *= 4) {
    const from = Math.max(due, now - window);
    const times = from === due ? [due] : [];
    for (let at = nextFire(timing, from === due ? due : from - 1); at !== null && at <= now; at = nextFire(timing, at))
      times.push(at);
    const late = times.filter((at) => now - at > GRACE_MS).length;
    if (from > due && late < MOST_MISSED) continue;
    return { times: times.slice(Math.max(0, late - MOST_MISSED)), more: from > due || late > MOST_MISSED };
  }
}
