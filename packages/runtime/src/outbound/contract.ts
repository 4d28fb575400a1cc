/** A place the operator allows besides public addresses: the product's own pages, a service in the cluster. */
export type AllowedPlace = {
  /** `http://127.0.0.1:7070`: scheme, host and port, nothing more. */
  readonly origin: string;
  /** Begins and ends with `/`. `/` allows the whole origin. */
  readonly pathPrefix: string;
};

/** One request. The host header is always the URL's own. */
export type OutboundRequest = {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** For everything, redirects and body too. Default 30,000. */
  readonly timeoutMs?: number;
  /** Of the decoded body. Default 10 MiB. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
};

/** `url` is the last one after redirects; header names are in lower case; the body is decoded from gzip, br or deflate. */
export type OutboundResponse = {
  readonly status: number;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** The body as text, by the charset of its content type, else UTF-8. */
  text(): string;
};

/** The one way out of the product for requests that users, pipelines or models name. Rejects with `OutboundError`. */
export interface Outbound {
  send(request: OutboundRequest): Promise<OutboundResponse>;
  /**
   * The address to connect to, for protocols other than HTTP: public, or an allowed place as a whole. Connect to it and not
   * to the name, which may change its answer. Any port; the name comes from a stored credential.
   */
  resolve(host: string, port: number): Promise<string>;
  close(): Promise<void>;
}

/** Stable codes of `OutboundError`. */
export type OutboundErrorCode =
  | 'invalid_url'
  | 'egress_denied'
  | 'dns_failed'
  | 'connect_failed'
  | 'tls_failed'
  | 'timeout'
  | 'too_large'
  | 'too_many_redirects'
  | 'bad_response'
  | 'aborted';

/** Why no response came. `message` is one line without secrets; `retryable` where the other side may be there in a moment. */
export class OutboundError extends Error {
  override readonly name = 'OutboundError';
  readonly code: OutboundErrorCode;
  readonly retryable: boolean;

  constructor(
    code: OutboundErrorCode,
    message: string,
    options: { readonly retryable?: boolean; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}
