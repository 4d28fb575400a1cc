import type { IncomingHttpHeaders } from 'node:http';
import type { LookupFunction } from 'node:net';
import { Agent, type Dispatcher, request as sendRequest } from 'undici';
import { decodeText, readBody } from './body.ts';
import { plainConnector, publicConnector } from './connector.ts';
import {
  type AllowedPlace,
  type Outbound,
  OutboundError,
  type OutboundRequest,
  type OutboundResponse,
} from './contract.ts';
import { toOutboundError } from './failure.ts';
import { parseTarget, type Way, wayTo } from './places.ts';
import { resolveAddress } from './resolve.ts';

/** What a client may reach. */
export type OutboundOptions = {
  /** Places besides public addresses. Default none. */
  readonly allow?: readonly AllowedPlace[];
  /** Ports of public addresses. Default 80, 443, 8080, 8443. */
  readonly ports?: readonly number[];
  /** Name lookup; default the system's. */
  readonly lookup?: LookupFunction;
};

const DEFAULT_PORTS = [80, 443, 8080, 8443];
const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_BYTES = 10 * 1024 * 1024;
const MOST_REDIRECTS = 5;
const HEADERS_THAT_MAY_CROSS = ['accept', 'accept-language', 'user-agent', 'content-type'];
const HEADERS_OF_A_BODY = ['content-type', 'content-length', 'content-encoding'];

type Hop = {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | null;
};
type Raw = Awaited<ReturnType<typeof sendRequest>>;

/**
 * The client for requests that users, pipelines and models name. Guarantee: no byte is sent to an address that is
 * neither public nor an allowed place, on any hop; see `publicConnector` and `wayTo`. At most five redirects; what names
 * or proves somebody does not cross to another origin. `close` ends open sockets.
 */
export function createOutbound(options: OutboundOptions = {}): Outbound {
  const ports = options.ports ?? DEFAULT_PORTS;
  const allow = options.allow ?? [];
  const agents: Record<Way, Agent> = {
    public: new Agent({ connect: publicConnector(options.lookup) }),
    allowed: new Agent({ connect: plainConnector(options.lookup) }),
  };
  return {
    async send(request) {
      const first = firstHop(request);
      const timeout = AbortSignal.timeout(request.timeoutMs ?? DEFAULT_TIMEOUT_MS);
      const signal = request.signal ? AbortSignal.any([request.signal, timeout]) : timeout;
      try {
        return await follow(first, request, signal, (hop) => agents[wayTo(hop.url, allow, ports)]);
      } catch (error) {
        if (request.signal?.aborted) throw new OutboundError('aborted', 'the request was aborted', { cause: error });
        if (timeout.aborted)
          throw new OutboundError(
            'timeout',
            `${first.url.host} did not answer within ${request.timeoutMs ?? DEFAULT_TIMEOUT_MS} ms`,
            { cause: error },
          );
        throw toOutboundError(error, first.url);
      }
    },
    resolve: (host, port) => resolveAddress({ host, port }, allow, options.lookup),
    close: async () => void (await Promise.all([agents.public.destroy(), agents.allowed.destroy()])),
  };
}

function firstHop(request: OutboundRequest): Hop {
  const headers: Record<string, string> = { 'accept-encoding': 'gzip, deflate, br', 'user-agent': 'Switchyard' };
  for (const [name, value] of Object.entries(request.headers ?? {})) headers[name.toLowerCase()] = value;
  // the host is the URL's: another one would reach a neighbour on the same server
  delete headers.host;
  return { method: request.method.toUpperCase(), url: parseTarget(request.url), headers, body: request.body ?? null };
}

async function follow(
  first: Hop,
  request: OutboundRequest,
  signal: AbortSignal,
  dispatcherFor: (hop: Hop) => Dispatcher,
): Promise<OutboundResponse> {
  let hop = first;
  for (let redirects = 0; ; redirects += 1) {
    const raw = await sendRequest(hop.url, {
      method: hop.method,
      headers: { ...hop.headers },
      body: hop.body,
      signal,
      dispatcher: dispatcherFor(hop),
    });
    const next = redirected(hop, raw);
    if (next === null) return readResponse(hop, raw, request.maxBytes ?? DEFAULT_MAX_BYTES);
    raw.body.destroy();
    raw.body.on('error', () => undefined);
    if (redirects === MOST_REDIRECTS)
      throw new OutboundError(
        'too_many_redirects',
        `more than ${MOST_REDIRECTS} redirects, the last to ${next.url.host}`,
      );
    hop = next;
  }
}

const single = (headers: IncomingHttpHeaders, name: string): string | undefined => {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
};

/** The next hop of a redirect, or null. As browsers do: 303, and 301 or 302 after a POST, go on as GET. */
function redirected(hop: Hop, raw: Raw): Hop | null {
  const location = single(raw.headers, 'location');
  if (location === undefined || ![301, 302, 303, 307, 308].includes(raw.statusCode)) return null;
  const url = parseTarget(location, hop.url);
  const asGet = (raw.statusCode === 303 && hop.method !== 'HEAD') || (raw.statusCode < 303 && hop.method === 'POST');
  let headers = Object.entries(hop.headers);
  if (url.origin !== hop.url.origin)
    headers = headers.filter(([name]) => HEADERS_THAT_MAY_CROSS.includes(name) || name === 'accept-encoding');
  if (asGet) headers = headers.filter(([name]) => !HEADERS_OF_A_BODY.includes(name));
  return {
    url,
    method: asGet ? 'GET' : hop.method,
    headers: Object.fromEntries(headers),
    body: asGet ? null : hop.body,
  };
}

async function readResponse(hop: Hop, raw: Raw, maxBytes: number): Promise<OutboundResponse> {
  const headers = Object.fromEntries(Object.keys(raw.headers).map((name) => [name, single(raw.headers, name) ?? '']));
  const bare = hop.method === 'HEAD' || raw.statusCode === 204 || raw.statusCode === 304;
  const body = await readBody(raw.body, bare ? '' : (headers['content-encoding'] ?? ''), maxBytes);
  return {
    status: raw.statusCode,
    url: hop.url.href,
    headers,
    body,
    text: () => decodeText(body, headers['content-type'] ?? ''),
  };
}
