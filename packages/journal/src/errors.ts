import type { DatabaseError } from 'pg';

/**
 * What the system does next: `retry` the same call later · `conflict`: a person decides · `invalid`: the caller is wrong and
 * must not repeat it · `not_found` · `stop`: an operator is needed.
 */
export type ErrorNext = 'retry' | 'conflict' | 'invalid' | 'not_found' | 'stop';

/** Stable codes, each with what follows from it. */
export const ERROR_CODES = {
  database_unavailable: 'retry',
  storage_full: 'retry',
  unknown_run: 'not_found',
  invalid_request: 'invalid',
  live_steps: 'invalid',
  step_exists: 'invalid',
  insert_only: 'invalid',
  slug_taken: 'conflict',
  pipeline_not_published: 'conflict',
  name_taken: 'conflict',
  webhook_token_taken: 'conflict',
  secret_key_missing: 'stop',
  secret_unreadable: 'stop',
  migration_edited: 'stop',
  migration_failed: 'stop',
  database_newer: 'stop',
  not_migrated: 'stop',
} as const satisfies Record<string, ErrorNext>;

/** A code of ERROR_CODES. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** The one error this package throws. `code` is stable; `next` says what follows; `hint` what a person can do. */
export class JournalError extends Error {
  readonly code: ErrorCode;
  readonly next: ErrorNext;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { readonly hint?: string; readonly cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'JournalError';
    this.code = code;
    this.next = ERROR_CODES[code];
    this.hint = options.hint;
  }
}

/**
 * Server answers after which the same call may simply be sent again: conflicts of locks, shutdowns, too many connections, a
 * standby; and Prisma's own words for a database that cannot be reached.
 */
const AGAIN: ReadonlySet<string> = new Set([
  ...['40001', '40P01', '57P01', '57P02', '57P03', '53300', '25006', '57014', '55P03'],
  ...['P1001', 'P1002', 'P1008', 'P1017', 'P2024'],
]);
const DISK_FULL = '53100';
const OURS: ReadonlyMap<string, ErrorCode> = new Map([
  ['SY001', 'live_steps'],
  ['SY002', 'insert_only'],
  ['SY003', 'unknown_run'],
  ['23505', 'step_exists'],
]);
/** Errors of the driver itself carry no code; these are what it says when the connection is gone or silent. */
const LOST =
  /Connection terminated|Query read timeout|timeout (exceeded|expired)|Client has encountered a connection error|not queryable|Client was closed/i;

const codeOf = (error: unknown): string => {
  const code = error instanceof Error && 'code' in error ? (error as DatabaseError).code : undefined;
  return typeof code === 'string' ? code : '';
};

/** SQLSTATE of a server's answer, or null when the error is not one. */
export const sqlState = (error: unknown): string | null =>
  /^[0-9A-Z]{5}$/.test(codeOf(error)) && !/^E[A-Z]{4}$/.test(codeOf(error)) ? codeOf(error) : null;

/** True when the connection is gone or silent, so that nothing is known of the call. */
export function isConnectionLost(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== null) return state.startsWith('08') || state === '57P01' || state === '57P02';
  return error instanceof Error && (/^E[A-Z_]+$/.test(codeOf(error)) || LOST.test(error.message));
}

/** True when the very same call may be sent again. */
export function mayRepeat(error: unknown): boolean {
  return isConnectionLost(error) || AGAIN.has(sqlState(error) ?? '');
}

/** The one place where an unknown error becomes ours. What is not recognised is passed through: it is a bug, not a state. */
export function classify(error: unknown): unknown {
  if (error instanceof JournalError) return error;
  const state = sqlState(error);
  const message = error instanceof Error ? error.message : String(error);
  if (state === DISK_FULL)
    return new JournalError('storage_full', message, {
      hint: 'free disk space on the database server; runs go on by themselves',
      cause: error,
    });
  if (mayRepeat(error))
    return new JournalError('database_unavailable', `the database does not answer: ${message}`, { cause: error });
  const ours = state === null ? undefined : OURS.get(state);
  return ours === undefined ? error : new JournalError(ours, message, { cause: error });
}
