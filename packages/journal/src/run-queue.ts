/**
 * One append of a run at a time in this process. Appends of one run would wait for each other in Postgres anyway, each on a
 * connection of its own; here they wait without one. Different runs do not wait. Order of arrival is kept.
 */
export type RunQueue = { readonly inTurn: <Answer>(runId: string, work: () => Promise<Answer>) => Promise<Answer> };

/** A queue that forgets a run as soon as nobody waits for it. */
export function createRunQueue(): RunQueue {
  const tails = new Map<string, Promise<unknown>>();
  return {
    inTurn: (runId, work) => {
      const before = tails.get(runId);
      const turn = before === undefined ? work() : before.then(work, work);
      tails.set(runId, turn);
      const forget = (): void => {
        if (tails.get(runId) === turn) tails.delete(runId);
      };
      turn.then(forget, forget);
      return turn;
    },
  };
}
