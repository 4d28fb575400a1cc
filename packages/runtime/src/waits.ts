import type { Clock } from '@switchyard/agent';
import type { JournalEvent, Json, StoredValue } from '@switchyard/pipeline';
import type { Calls, NodeWait } from './contract.ts';
import { TimedOutError, type WaitOrder } from './errors.ts';

/*
 * A wait, from both of its ends: what is written when a step begins one, and what a later claim makes of it. Nothing is
 * compared with this machine's clock on the way back: a step that waited for a time and was claimed again without an
 * answer has had its time, because only its due time or an answer makes a waiting step claimable.
 */

/** The events of one attempt: those after the last retry. */
function ofThisAttempt(events: readonly JournalEvent[]): readonly JournalEvent[] {
  return events.slice(events.findLastIndex((event) => event.kind === 'step.retrying') + 1);
}

/** When this attempt was begun, ms since 1970 by the database's clock; null: not yet in these events. */
export function attemptStart(events: readonly JournalEvent[]): number | null {
  const first = ofThisAttempt(events).find((event) => event.kind === 'step.started');
  return first === undefined ? null : Date.parse(first.at);
}

/** What reads values and called runs. */
export type WaitParts = {
  readonly json: (value: StoredValue) => Promise<Json>;
  readonly calls: Pick<Calls, 'look' | 'cancel'>;
};

/**
 * What a step that is claimed again has waited for in this attempt, from its own structural events; null: for nothing.
 * Throws `TimedOutError` when the time of the node itself was over; a run it had called is cancelled first.
 */
export async function waitOf(events: readonly JournalEvent[], parts: WaitParts): Promise<NodeWait | null> {
  const attempt = ofThisAttempt(events);
  const at = attempt.findLastIndex((event) => event.kind === 'step.waiting');
  const begun = attempt[at];
  if (begun?.kind !== 'step.waiting') return null;
  const { reason, until = null, timesOut = false, child } = begun.data;
  if (reason === 'paused' || reason === 'decision') return null;
  const woken = await answerIn(attempt.slice(at + 1), parts);
  const called = child === undefined ? null : await parts.calls.look(child);
  const expired = woken === null && until !== null && (called === null || called.state === 'running');
  if (expired && timesOut) {
    if (called !== null) await parts.calls.cancel(called.runId);
    throw new TimedOutError(secondsBetween(attemptStart(events), Date.parse(until ?? begun.at)));
  }
  return { reason, until, woken, expired, child: called };
}

const secondsBetween = (from: number | null, to: number): number => Math.round((to - (from ?? to)) / 1_000);

async function answerIn(events: readonly JournalEvent[], { json }: WaitParts): Promise<NodeWait['woken']> {
  for (const event of events) {
    if (event.kind === 'step.woken')
      return { by: event.data.by ?? null, value: event.data.value === undefined ? null : await json(event.data.value) };
    if (event.kind === 'approval.decided') {
      const { approved, by, comment } = event.data;
      return { by, value: { approved, comment: comment ?? null } };
    }
  }
  return null;
}

/** A step that was answered in its last moment may still write what it was answered. */
const LEAST_MS = 1_000;

/** The time of one attempt of a node and what it has waited for, from its claim on. */
export type AttemptTime = {
  /** Milliseconds left of the node's time, the waits of this attempt counted; null where the node sets no limit. */
  readonly msLeft: () => number | null;
  /** See `waitOf`. */
  readonly waited: () => Promise<NodeWait | null>;
};

/** Of an attempt that begins with this claim, or goes on with it: then `events` brings the step's structural events. */
export function attemptTime(
  given: {
    readonly clock: Clock;
    readonly timeoutMs: number | null;
    /** Null: the step was never claimed before. */
    readonly events: (() => Promise<readonly JournalEvent[]>) | null;
  },
  parts: WaitParts,
): AttemptTime {
  const { clock, timeoutMs, events } = given;
  const claimed = clock.elapsed();
  let begun: number | null = null;
  return {
    msLeft: () => {
      if (timeoutMs === null) return null;
      if (begun === null) return timeoutMs - (clock.elapsed() - claimed);
      return Math.max(LEAST_MS, timeoutMs - (clock.now() - begun));
    },
    waited: async () => {
      if (events === null) return null;
      const history = await events();
      const wait = await waitOf(history, parts);
      if (wait !== null) begun = attemptStart(history);
      return wait;
    },
  };
}

/** How long a wait may last: as ordered, and no longer than the node's own time. `left`: ms of it, null where it has none. */
export function boundWait(
  order: Pick<WaitOrder, 'reason' | 'dueInMs'>,
  left: number | null,
): { readonly dueInMs: number | null; readonly timesOut: boolean } {
  const own = order.dueInMs ?? null;
  if (left === null || order.reason === 'paused' || order.reason === 'decision')
    return { dueInMs: own, timesOut: false };
  const rest = Math.max(0, left);
  return own !== null && own <= rest ? { dueInMs: own, timesOut: false } : { dueInMs: rest, timesOut: true };
}
