import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';

/** One request to a model's server. `signal` ends it, and with it the work there. */
export type ModelRequest = {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
  readonly signal: AbortSignal;
};

/**
 * Sends a request and answers as soon as the head is there; the body streams. Has no time-out of its own, since a large
 * model may think for minutes before its first byte. Rejects when the server cannot be reached or the signal is aborted.
 */
export type CallModel = (request: ModelRequest) => Promise<IncomingMessage>;

/** Addresses are those an operator set as model connections, so none is refused. Redirects are not followed: the key stays where it was sent. */
export const callModel: CallModel = ({ url, method, headers, body, signal }) =>
  new Promise((resolve, reject) => {
    const send = new URL(url).protocol === 'https:' ? httpsRequest : httpRequest;
    const length = body === null ? {} : { 'content-length': String(body.length) };
    const sent = send(url, { method, headers: { ...headers, ...length }, signal }, resolve);
    sent.once('error', reject);
    sent.end(body ?? undefined);
  });
