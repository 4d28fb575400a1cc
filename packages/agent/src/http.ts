/** What the agent needs of an HTTP response. The `Response` of `fetch` is one. */
export type HttpAnswer = {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: AsyncIterable<Uint8Array> | null;
  text(): Promise<string>;
};

/**
 * The way to a model: `fetch` with fewer options. Must reject when no response head came (refused, reset, no such name),
 * and the body must throw when the connection breaks. Aborting `signal` closes the connection.
 */
export type HttpPort = (
  url: string,
  init: {
    readonly method: 'GET' | 'POST';
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string;
    readonly signal?: AbortSignal;
  },
) => Promise<HttpAnswer>;

/** A page as the fetch tool gets it, decoded to text, after redirects. */
export type Page = {
  readonly status: number;
  readonly url: string;
  readonly contentType: string;
  readonly text: string;
};

/**
 * The way to pages. Must apply the address rules on every hop. Rejects with an error that has a one-line `message`, and
 * `retryable: true` where the other side could not be reached and may be there in a moment.
 */
export type PagePort = (url: string, options: { readonly signal: AbortSignal }) => Promise<Page>;

/** Runs JavaScript apart from this process and answers `String(value)` of its last expression. Rejects with a one-line message. */
export type CodePort = (code: string, options: { readonly signal: AbortSignal }) => Promise<string>;

/** Finds documents, best first. */
export type DocumentPort = (
  query: string,
  options: { readonly limit: number; readonly signal: AbortSignal },
) => Promise<readonly { readonly title: string; readonly address: string }[]>;
