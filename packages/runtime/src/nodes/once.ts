import type { NodeContext } from '../contract.ts';

/**
 * Whether somebody had this attempt of the step in hand before: a worker that died, that was silent for too long, or that was
 * shut down in the middle. What it did is not known, so an effect that must not be repeated is not tried again. Crashes alone
 * do not say it: a lease that is given back counts as none.
 */
export async function mayHaveHappened({ journal }: Pick<NodeContext, 'journal'>): Promise<boolean> {
  const events = await journal.history();
  const last = events.findLastIndex(({ kind }) => kind === 'step.retrying' || kind === 'step.waiting');
  return events.slice(last + 1).filter(({ kind }) => kind === 'step.started').length > 1;
}
