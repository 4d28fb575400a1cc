/** What stops the start, in words for the person at the terminal. Every code has one cause; `hint` says what to do. */
export type FailureCode =
  | 'data_in_use'
  | 'no_binaries'
  | 'initdb_failed'
  | 'postgres_failed'
  | 'port_taken'
  | 'bad_setting'
  | 'child_failed';

/** A start that cannot go on. Shown as `code: message` and the hint; the process ends with 1. */
export class StartFailure extends Error {
  readonly code: FailureCode;
  readonly hint: string;

  constructor(code: FailureCode, message: string, hint: string) {
    super(message);
    this.name = 'StartFailure';
    this.code = code;
    this.hint = hint;
  }
}
