import type { Failure, RunEvent, StoredValue } from './event.ts';
import { PersistentMap } from './persistent-map.ts';

/** Iterations of a loop whose steps stay in the state after they ended: the newest ones. */
export const ITERATIONS_KEPT = 100;

/** A iteration that runs. */
export type IterationState = {
  /** Steps of the iteration that have ended. */
  readonly settled: number;
  /** Steps of the iteration, and of loops inside it, that have begun and not ended. */
  readonly live: number;
  /** Key of the iteration's first step that failed without saying that the run goes on; its node's policy decides. */
  readonly firstFailure: string | null;
  /** Keys of its steps seen so far. */
  readonly keys: readonly string[];
};

/** A loop that has begun: of fixed size but for the iterations that run, however many items there are. */
export type LoopState = {
  readonly items: StoredValue;
  readonly count: number;
  readonly concurrency: number;
  readonly onItemError: 'fail' | 'continue';
  /** Seq of `loop.started`: what its iterations gave comes after it. */
  readonly begunSeq: number;
  /** Iterations begin in order of their number; this is how many have. */
  readonly begun: number;
  readonly finished: number;
  readonly failed: number;
  /** The first iteration that failed. */
  readonly failure: { readonly index: number; readonly failure: Failure } | null;
  /** Iterations that run, by their number. */
  readonly running: PersistentMap<IterationState>;
  /** Ended iterations whose steps can still be looked at, oldest first. */
  readonly kept: readonly { readonly index: number; readonly keys: readonly string[] }[];
};

/** The loop of a step that begins its iterations. */
export const loopOf = ({ data, seq }: Extract<RunEvent, { kind: 'loop.started' }>): LoopState => ({
  items: data.items,
  count: data.count,
  concurrency: data.concurrency,
  onItemError: data.onItemError,
  begunSeq: seq,
  begun: 0,
  finished: 0,
  failed: 0,
  failure: null,
  running: PersistentMap.empty(),
  kept: [],
});

const FRESH: IterationState = { settled: 0, live: 0, firstFailure: null, keys: [] };

/** The loop after an iteration has begun. */
export const withIteration = (loop: LoopState, index: number): LoopState => ({
  ...loop,
  begun: Math.max(loop.begun, index + 1),
  running: loop.running.with(String(index), FRESH),
});

/** The loop after an iteration has ended, and the keys of steps that are old enough to be forgotten. */
export function withoutIteration(
  loop: LoopState,
  { index, failure }: Extract<RunEvent, { kind: 'iteration.finished' }>['data'],
): { readonly loop: LoopState; readonly forgotten: readonly string[] } {
  const keys = loop.running.get(String(index))?.keys ?? [];
  const kept = [...loop.kept, { index, keys }];
  const forgotten = kept.length > ITERATIONS_KEPT ? (kept.shift()?.keys ?? []) : [];
  return {
    loop: {
      ...loop,
      finished: loop.finished + 1,
      failed: loop.failed + (failure === undefined ? 0 : 1),
      failure: loop.failure ?? (failure === undefined ? null : { index, failure }),
      running: loop.running.without(String(index)),
      kept,
    },
    forgotten,
  };
}

/** What one event of a step changes in the iteration around it. */
export type IterationChange = {
  readonly live: number;
  readonly settled: number;
  readonly failed: string | null;
  readonly began: string | null;
};

/** The loop after an event of a step in one of its iterations. */
export function withChange(loop: LoopState, index: number, change: IterationChange): LoopState {
  const iteration = loop.running.get(String(index));
  if (iteration === undefined) return loop;
  const next: IterationState = {
    settled: iteration.settled + change.settled,
    live: iteration.live + change.live,
    firstFailure: iteration.firstFailure ?? change.failed,
    keys: change.began === null ? iteration.keys : [...iteration.keys, change.began],
  };
  return { ...loop, running: loop.running.with(String(index), next) };
}
