import { createTask } from 'node-cron';

/** A schedule's expression and the zone its hours are meant in. */
export type Timing = { readonly cron: string; readonly timezone: string };

/** The next fire times after now, in UTC; empty for an expression that never fires or cannot be read. node-cron knows the zones. */
export function nextFires({ cron, timezone }: Timing, now: Date, count: number): Date[] {
  try {
    const task = createTask(cron, () => {}, { timezone });
    try {
      return task.getNextRuns(count).filter((at) => at > now);
    } finally {
      void task.destroy();
    }
  } catch {
    return [];
  }
}
