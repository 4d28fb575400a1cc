/*
 * Browsers allow six connections per host on plain HTTP, all tabs and windows together, and a stream holds one for good.
 * So the tabs of one browser share a few places for streams by Web Locks; whoever has none asks from time to time
 * instead. A tab that closes or crashes gives its place back by itself.
 */

const SLOTS = 4;

/**
 * Asks for a place: `held` is called once, soon where one is free, else when one becomes free. The answer gives the place
 * back, or stops asking. Where there are no Web Locks (plain HTTP under another name than localhost) `held` is called at once.
 */
export function takeSlot(held: () => void): () => void {
  const { locks } = navigator as { locks?: LockManager };
  if (locks === undefined) {
    held();
    return () => undefined;
  }
  const asking = new AbortController();
  let giveBack: (() => void) | null = null;
  const keep = (): Promise<void> => {
    if (giveBack !== null || asking.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      giveBack = resolve;
      asking.abort(); // one place is enough
      held();
    });
  };
  for (let i = 0; i < SLOTS; i++) {
    // rejects when the asking ends, which is no failure
    locks.request(`switchyard-stream-${i}`, { signal: asking.signal }, keep).catch(() => undefined);
  }
  return () => {
    asking.abort();
    giveBack?.();
  };
}
