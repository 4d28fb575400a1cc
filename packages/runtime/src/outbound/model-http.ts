import type { HttpPort } from '@switchyard/agent';
import { Agent, request as sendRequest } from 'undici';
import { plainConnector } from './connector.ts';

/** HTTP to model servers and the way to end its sockets. */
export type ModelHttp = { readonly http: HttpPort; close(): Promise<void> };

/**
 * HTTP for model connections, whose addresses an operator has configured: no address check, and no redirects, so a key
 * goes only where it was meant to go. Bodies are streamed without a limit of time; the caller watches for silence.
 */
export function createModelHttp(): ModelHttp {
  const dispatcher = new Agent({ connect: plainConnector(), headersTimeout: 0, bodyTimeout: 0 });
  return {
    async http(url, init) {
      const answer = await sendRequest(url, {
        method: init.method,
        headers: { ...init.headers },
        body: init.body ?? null,
        signal: init.signal ?? null,
        dispatcher,
      });
      return {
        status: answer.statusCode,
        headers: {
          get: (name) => {
            const value = answer.headers[name.toLowerCase()];
            return value === undefined ? null : String(value);
          },
        },
        body: answer.body,
        text: () => answer.body.text(),
      };
    },
    close: () => dispatcher.destroy(),
  };
}
