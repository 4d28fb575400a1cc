import { AgentFailure, AgentPaused, ModelError, ToolInDoubt } from '@switchyard/agent';
import type { BlobContent, StartRunRequest } from '@switchyard/journal';
import { type EventBody, ExpressionError, type Failure, type Json } from '@switchyard/pipeline';
import { SandboxError } from '@switchyard/sandbox';
import { ZodError } from 'zod';
import { OutboundError } from './outbound/index.ts';

/*
 * What can stop a step, by what the runtime does next:
 *   RetryableError   the step's retry policy decides: step.retrying or step.failed
 *   TerminalError    trying again cannot help: step.failed at once
 *   TimedOutError    as RetryableError, for policies that name `timed_out`
 *   ProcessLostError as RetryableError, for policies that name `worker_lost`
 *   WaitRequested    the step waits, held by nobody: step.waiting
 *   StopRequested    somebody cancelled: step.cancelled
 *   LeaseLost        the step is not ours any more: drop it, abort its effects, write nothing
 * Everything else becomes one of them in `asStepError` and nowhere else.
 */

/** What people are told beside the message. */
type Told = { readonly hint?: string | undefined; readonly details?: Json | undefined; readonly cause?: unknown };

/** A failure of a step. `code` is stable `snake_case`. */
export abstract class StepError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly details: Json | undefined;
  /** What a retry policy calls it; `never` for what trying again cannot mend. */
  abstract readonly retry: 'failed' | 'timed_out' | 'worker_lost' | 'never';

  constructor(code: string, message: string, told: Told = {}) {
    super(message, told.cause === undefined ? undefined : { cause: told.cause });
    this.code = code;
    this.hint = told.hint;
    this.details = told.details;
  }
}

/** The other side may answer next time. */
export class RetryableError extends StepError {
  override readonly name = 'RetryableError';
  readonly retry = 'failed';
}

/** The same step with the same input fails the same way. */
export class TerminalError extends StepError {
  override readonly name = 'TerminalError';
  readonly retry = 'never';
}

/** The step was longer at work than its node allows. */
export class TimedOutError extends StepError {
  override readonly name = 'TimedOutError';
  readonly retry = 'timed_out';

  constructor(seconds: number) {
    super('timed_out', `The step was not done after ${seconds} s.`, {
      hint: 'Allow it more time, or let it be tried again on time-outs.',
    });
  }
}

/** Workers died with this step in hand, too often or once where that must not be repeated. */
export class WorkerLostError extends StepError {
  override readonly name = 'WorkerLostError';
  readonly retry = 'never';
}

/** The process that ran the step's own code died of it; the worker lives. */
export class ProcessLostError extends StepError {
  override readonly name = 'ProcessLostError';
  readonly retry = 'worker_lost';
}

/** Why a step waits. */
export type WaitReason = Extract<EventBody, { kind: 'step.waiting' }>['data']['reason'];

/** What a step waits for, and what is written in the append in which it begins to. */
export type WaitOrder = {
  readonly reason: WaitReason;
  /** Milliseconds after which the step goes on without an answer; absent: it waits for ever. */
  readonly dueInMs?: number;
  /** Events of the step before its `step.waiting`. */
  readonly events?: readonly EventBody[];
  /** Blobs those events name. */
  readonly blobs?: readonly BlobContent[];
  /** With reason `child`: the run waited for. `start`: it begins in this append. */
  readonly child?: { readonly runId: string; readonly start?: StartRunRequest };
};

/** The step waits and is claimed again when it is woken or due. Nothing of the attempt is repeated but the node's own look at `wait`. */
export class WaitRequested extends Error {
  override readonly name = 'WaitRequested';
  readonly code = 'wait_requested';
  readonly order: WaitOrder;

  constructor(order: WaitOrder) {
    super(`The step waits (${order.reason}).`);
    this.order = order;
  }
}

/** A cancel or stop reached the step. */
export class StopRequested extends Error {
  override readonly name = 'StopRequested';
  readonly code = 'stop_requested';

  constructor() {
    super('The step was asked to stop.');
  }
}

/** Another worker has the step, or its run has ended. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
  readonly code = 'lease_lost';

  constructor(message = 'The step is not held by this worker any more.') {
    super(message);
  }
}

/** Everything a node's work can end in besides an outcome. */
export type StepEnd = StepError | WaitRequested | StopRequested | LeaseLost;

/** Makes ours of whatever was thrown. */
export function asStepError(thrown: unknown): StepEnd {
  if (
    thrown instanceof StepError ||
    thrown instanceof WaitRequested ||
    thrown instanceof StopRequested ||
    thrown instanceof LeaseLost
  )
    return thrown;
  if (thrown instanceof ToolInDoubt) return new WaitRequested({ reason: 'decision' });
  if (thrown instanceof AgentPaused) return new WaitRequested({ reason: 'paused' });
  if (thrown instanceof ModelError) return byRetryable(thrown, { hint: thrown.hint, cause: thrown });
  if (thrown instanceof AgentFailure)
    return new RetryableError(thrown.code, thrown.message, { hint: thrown.hint, cause: thrown });
  if (thrown instanceof OutboundError)
    return thrown.code === 'timeout'
      ? new RetryableError('timeout', thrown.message, { cause: thrown })
      : byRetryable(thrown, { cause: thrown });
  if (thrown instanceof SandboxError) return fromSandbox(thrown);
  if (thrown instanceof ExpressionError)
    return new TerminalError(thrown.code, thrown.message, { hint: thrown.hint, cause: thrown });
  if (thrown instanceof ZodError)
    return new TerminalError('invalid_config', describeIssues(thrown), {
      hint: 'Look at the node’s settings and at the values its templates gave.',
      cause: thrown,
    });
  return new RetryableError('unexpected', thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
}

/** The failure an event tells of. */
export function failureOf(error: StepError, node: string): Failure {
  return {
    code: error.code,
    message: error.message,
    node,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.details === undefined ? {} : { details: error.details }),
  };
}

function byRetryable(error: Error & { readonly code: string; readonly retryable: boolean }, told: Told): StepError {
  return error.retryable
    ? new RetryableError(error.code, error.message, told)
    : new TerminalError(error.code, error.message, told);
}

function fromSandbox(error: SandboxError): StepError {
  const told: Told = {
    cause: error,
    ...(error.code === 'sandbox_error'
      ? { hint: 'The code of the node threw this; run it with the step’s input.' }
      : {}),
    ...(error.line === null ? {} : { details: { line: error.line } }),
  };
  if (error.code === 'sandbox_crashed') return new ProcessLostError(error.code, error.message, told);
  const passing = error.code === 'sandbox_closed' || error.code === 'sandbox_timeout';
  return passing
    ? new RetryableError(error.code, error.message, told)
    : new TerminalError(error.code, error.message, told);
}

const describeIssues = (error: ZodError): string =>
  error.issues.map((issue) => `${issue.path.join('.') || 'config'}: ${issue.message}`).join('; ');
