/* Errors a client gets to see, each with HTTP status and a stable code. */
import type { WireError } from './api.ts';

/** A request that cannot be served; what the client does next follows from `status`. `param` is the path of the offending field. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly param: string | null;

  constructor(status: number, code: string, message: string, param: string | null = null) {
    super(message);
    this.status = status;
    this.code = code;
    this.param = param;
  }

  /** The body of the answer. */
  toWire(): WireError {
    const type =
      this.status === 401
        ? 'authentication_error'
        : this.status >= 500
          ? 'server_error'
          : this.status === 429
            ? 'rate_limit_error'
            : 'invalid_request_error';
    return {
      error: { message: this.message, type, code: this.code, ...(this.param === null ? {} : { param: this.param }) },
    };
  }
}
