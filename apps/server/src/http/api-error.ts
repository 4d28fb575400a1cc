import { JournalError } from '@switchyard/journal';
import { ExpressionError } from '@switchyard/pipeline';
import { ZodError } from 'zod';

/** What an error answer carries besides its code: a hint for people, problems, what stands there now. */
export type ErrorExtras = { readonly hint?: string } & Readonly<Record<string, unknown>>;

/** A refusal with its HTTP status and stable code. Whatever a handler throws ends as one of these. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly extras: ErrorExtras;

  constructor(status: number, code: string, message: string, extras: ErrorExtras = {}) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.extras = extras;
  }

  /** The body of the answer. */
  toJSON(): { readonly error: Readonly<Record<string, unknown>> } {
    return { error: { code: this.code, message: this.message, ...this.extras } };
  }
}

/** The 404 of a thing that is named by an id. */
export const notFound = (what: string): ApiError =>
  new ApiError(404, 'not_found', `There is no such ${what}.`, {
    hint: 'It may have been deleted, or the address is incomplete.',
  });

/** The 429 of a pipeline with as many living runs as its settings allow; nothing was stored. */
export const queueFull = (): ApiError =>
  new ApiError(429, 'queue_full', 'This pipeline has as many runs that have not ended as it may.', {
    hint: 'Send the request again later, or raise queueMax in its settings.',
  });

const STATUS = { retry: 503, conflict: 409, invalid: 400, not_found: 404, stop: 500 } as const;

/** The one place where an unknown error becomes an answer. `null`: a bug, to be logged and told as 500. */
export function toApiError(error: unknown): ApiError | null {
  if (error instanceof ApiError) return error;
  if (error instanceof JournalError)
    return new ApiError(
      STATUS[error.next],
      error.code,
      error.message,
      error.hint === undefined ? {} : { hint: error.hint },
    );
  if (error instanceof ExpressionError) return new ApiError(400, error.code, error.message);
  if (error instanceof ZodError) {
    const problems = error.issues.map(({ path, message }) => ({ path: path.map(String), message }));
    const first = problems[0];
    return new ApiError(
      400,
      'invalid_request',
      first ? `${first.path.join('.') || 'request'}: ${first.message}` : 'The request is not valid.',
      { problems },
    );
  }
  return fromBodyParser(error);
}

/** Errors of express's own body reading carry a type. */
function fromBodyParser(error: unknown): ApiError | null {
  if (error instanceof URIError) return new ApiError(400, 'bad_address', 'The address is not well formed.');
  const type = error instanceof Error && 'type' in error ? String(error.type) : '';
  switch (type) {
    case 'entity.too.large':
      return new ApiError(413, 'body_too_large', 'The body is larger than this address takes.');
    case 'encoding.unsupported':
      return new ApiError(
        415,
        'encoding_unsupported',
        'The content-encoding is not known; send gzip, deflate, br or none.',
      );
    case 'request.aborted':
    case 'request.size.invalid':
      return new ApiError(400, 'body_incomplete', 'The body ended before its content-length.');
    default:
      return null;
  }
}
