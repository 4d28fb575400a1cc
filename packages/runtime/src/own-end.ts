import { packJson } from '@switchyard/journal';
import type { EventBody, NewEvent, RunState } from '@switchyard/pipeline';
import type { NodePorts } from './contract.ts';
import { failureOf, RetryableError, type StepEnd, StepError, StopRequested, WaitRequested } from './errors.ts';
import { nextAttemptInMs } from './retry.ts';
import type { HeldTask, NodeEnd } from './run-node.ts';
import type { OwnEnd, Refusal } from './settle-step.ts';
import type { ValueReader } from './values.ts';
import { boundWait } from './waits.ts';

/*
 * What a step writes of itself when its work under this claim is over: it succeeded, failed for good, is tried again,
 * waits, or was cancelled. Asked anew with each state it is tried to be written at.
 */

type Parts = { readonly values: ValueReader; readonly ports: NodePorts };

/** The step's own part of the append, in this state of its run. */
export function ownEnd(task: HeldTask, end: NodeEnd, state: RunState, parts: Parts): OwnEnd {
  if ('outcome' in end) return succeeded(task, end.outcome, parts);
  const { error } = end;
  if (error instanceof WaitRequested && state.cancelRequested === null) return waiting(task, error, state, parts);
  if (!(error instanceof StepError))
    return { events: [eventOf(task, { kind: 'step.cancelled', data: {} })], state: 'cancelled', blobs: [] };
  return failed(task, error, state, parts);
}

/** What becomes of an end that the journal did not take. */
export function endOfRefused(refused: Refusal): StepEnd {
  if (refused === 'stopped') return new StopRequested();
  return new RetryableError('queue_full', 'The called pipeline has as many runs that have not ended as it may.', {
    hint: 'Let this step be tried again later, or raise queueMax in the settings of the called pipeline.',
  });
}

const eventOf = ({ holding }: HeldTask, body: EventBody): NewEvent => ({ ...body, stepKey: holding.stepKey });

function succeeded(task: HeldTask, outcome: Extract<NodeEnd, { outcome: unknown }>['outcome'], parts: Parts): OwnEnd {
  const { stored, blob } = packJson(outcome.output);
  if (blob) parts.values.remember(blob);
  return {
    events: [eventOf(task, { kind: 'step.succeeded', data: { output: stored, ports: [...outcome.ports] } })],
    state: 'succeeded',
    blobs: blob ? [blob] : [],
  };
}

function waiting(task: HeldTask, { order }: WaitRequested, state: RunState, { ports }: Parts): OwnEnd {
  const { dueInMs, timesOut } = boundWait(order, task.msLeft());
  const { reason, child } = order;
  // Resumed before it could wait: nobody will wake it, so it is due at once.
  const due = reason === 'paused' && !state.paused ? 0 : dueInMs;
  const until = due === null ? {} : { until: new Date(ports.clock.now() + due).toISOString() };
  return {
    events: [
      ...(order.events ?? []).map((body) => eventOf(task, body)),
      eventOf(task, {
        kind: 'step.waiting',
        data: { reason, ...until, ...(timesOut ? { timesOut } : {}), ...(child ? { child: child.runId } : {}) },
      }),
    ],
    state: 'waiting',
    ...(due === null ? {} : { dueInMs: due }),
    blobs: order.blobs ?? [],
    ...(child?.start ? { child: child.start } : {}),
  };
}

function failed(task: HeldTask, error: StepError, state: RunState, { ports }: Parts): OwnEnd {
  const { node, attempt } = task;
  const failure = failureOf(error, node.id);
  const dueInMs =
    state.cancelRequested === null ? nextAttemptInMs(node, error, attempt, ports.random.fraction()) : null;
  if (dueInMs !== null)
    return {
      events: [eventOf(task, { kind: 'step.retrying', data: { failure, attempt: attempt + 1, dueInMs } })],
      state: 'queued',
      dueInMs,
      blobs: [],
    };
  const continues = node.onError === 'fail' ? {} : { continues: true };
  return {
    events: [eventOf(task, { kind: 'step.failed', data: { failure, ...continues } })],
    state: 'failed',
    blobs: [],
  };
}
