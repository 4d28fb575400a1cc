import { ask } from '../system.ts';

/*
 * The one place that speaks HTTP. Errors of the server keep their code, message and hint; a connection that fails is an
 * `ApiError` with code `unreachable`, so callers tell "no" from "nobody there".
 */

/** A refused or failed request. `body` is the error object as the server sent it. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string | null;
  readonly body: Readonly<Record<string, unknown>>;

  constructor(status: number, code: string, message: string, body: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.hint = typeof body.hint === 'string' ? body.hint : null;
    this.body = body;
  }
}

/** What a request may carry besides its address. */
export type RequestOptions = {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly body?: unknown;
  readonly ifMatch?: number;
  readonly signal?: AbortSignal;
};

/**
 * Asks the server and answers its JSON, typed by the caller after the REST contract (this is the edge: shapes are the
 * server's duty). Throws `ApiError`: `unreachable` without an answer, else the server's code.
 */
export async function request<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const response = await reach(path, options);
  const text = await response.text();
  if (!response.ok) throw refusal(response.status, text);
  return (text === '' ? null : JSON.parse(text)) as T;
}

async function reach(path: string, options: RequestOptions): Promise<Response> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (options.body !== undefined) headers['content-type'] = 'application/json';
  if (options.ifMatch !== undefined) headers['if-match'] = `"${options.ifMatch}"`;
  try {
    return await ask(path, {
      method: options.method ?? 'GET',
      headers,
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new ApiError(0, 'unreachable', 'The server cannot be reached.', {
      hint: 'Is it running? It answers on the address in the browser’s bar.',
    });
  }
}

function refusal(status: number, text: string): ApiError {
  try {
    const parsed: unknown = JSON.parse(text);
    if (
      typeof parsed === 'object' &&
      parsed !== null &&
      'error' in parsed &&
      typeof parsed.error === 'object' &&
      parsed.error !== null
    ) {
      const body = parsed.error as Record<string, unknown>;
      return new ApiError(
        status,
        String(body.code ?? 'error'),
        String(body.message ?? `The server answered ${status}.`),
        body,
      );
    }
  } catch {
    // Not JSON: a proxy's page. Said below.
  }
  const code = status >= 502 && status <= 504 ? 'unreachable' : 'error';
  return new ApiError(status, code, `The server answered ${status}.`);
}

/** The text of an address that is not JSON (a blob). Throws like `request`. */
export async function requestText(path: string, signal?: AbortSignal): Promise<string> {
  const response = await reach(path, signal === undefined ? {} : { signal });
  const text = await response.text();
  if (!response.ok) throw refusal(response.status, text);
  return text;
}
