/*
 * What can end an agent's work, by what the caller does next. Errors of the journal port pass through untouched.
 *   ModelError      the model did not answer; `retryable` says whether the loop (first) or the step's retry (later) may try again
 *   AgentFailure    the loop gave up; the step fails with this code
 *   ToolInDoubt     a person must decide about a call; the step waits with reason `decision`
 *   AgentPaused     the run is paused; the step waits with reason `paused`, between two turns
 */

/** Stable codes of `ModelError`. */
export type ModelErrorCode =
  | 'model_unreachable'
  | 'model_overloaded'
  | 'model_failed'
  | 'model_idle'
  | 'model_refused'
  | 'model_unauthorized'
  | 'model_not_found'
  | 'model_protocol';

/** A request to the model did not end in a reply. */
export class ModelError extends Error {
  override readonly name = 'ModelError';
  readonly code: ModelErrorCode;
  /** Whether sending the same request again can help. */
  readonly retryable: boolean;
  /** What a person can do about it. */
  readonly hint: string;

  constructor(
    code: ModelErrorCode,
    message: string,
    options: { readonly retryable: boolean; readonly hint: string; readonly cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable;
    this.hint = options.hint;
  }
}

/** Stable codes of `AgentFailure`. */
export type AgentFailureCode = 'no_progress' | 'answer_refused' | 'no_answer';

/** The loop ended without an answer it may give. The journal holds every turn that led here. */
export class AgentFailure extends Error {
  override readonly name = 'AgentFailure';
  readonly code: AgentFailureCode;
  readonly hint: string;

  constructor(code: AgentFailureCode, message: string, hint: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

/** `tool.in_doubt` is in the journal; the step has to wait with reason `decision` until `tool.decided` for this call is there. */
export class ToolInDoubt extends Error {
  override readonly name = 'ToolInDoubt';
  readonly callId: string;

  constructor(callId: string) {
    super(`It is not known whether the call ${callId} was carried out before the worker was lost.`);
    this.callId = callId;
  }
}

/** The run is paused: everything so far is in the journal, and the next turn has not been asked for. */
export class AgentPaused extends Error {
  override readonly name = 'AgentPaused';

  constructor() {
    super('The run is paused; the next turn is taken when it goes on.');
  }
}
