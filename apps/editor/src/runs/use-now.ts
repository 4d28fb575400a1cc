import { useEffect, useState } from 'react';
import { every, now } from '../system.ts';

/** The time, drawn anew each second while `ticking`. */
export function useNow(ticking: boolean): number {
  const [time, setTime] = useState(now);
  useEffect(() => {
    if (!ticking) return;
    setTime(now());
    return every(() => setTime(now()), 1000);
  }, [ticking]);
  return time;
}
