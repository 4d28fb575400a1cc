import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/*
 * The world that runs act on. Each address is `/ID/TOKEN[/INDEX]`: the node that asks, the run it belongs to, and which
 * time in a loop or a chain. It counts every request, whatever became of the one who asked.
 */

/** One request that arrived. */
export type Hit = { readonly path: string; readonly method: string; readonly at: number };

/** A running sink. */
export type Sink = {
  readonly origin: string;
  readonly hits: Hit[];
  /** Requests of one run. */
  of(token: string): readonly Hit[];
  close(): Promise<void>;
};

/** Long enough that a run of 200 such requests sees many restarts. */
const SLOW_MS = 60;
const PADDING = 'All of this stands on the page so that a small window cannot hold many of them. '.repeat(2);

function answer(request: IncomingMessage, response: ServerResponse, earlier: number): void {
  const [, node = '', , index = '0'] = (request.url ?? '').split('/');
  const send = (status: number, type: string, body: string): void =>
    void response.writeHead(status, { 'content-type': type }).end(body);
  switch (node) {
    case 'hang':
      return; // until the other side closes
    case 'page':
      return send(200, 'text/plain', `page ${index}. ${PADDING}`);
    case 'flaky':
      return send(earlier === 0 ? 503 : 200, 'application/json', '{"ok":true}');
    case 'bad':
      return send(400, 'application/json', '{"ok":false}');
    default:
      if (!node.startsWith('slow')) return send(200, 'application/json', '{"ok":true}');
      setTimeout(() => send(200, 'application/json', '{"ok":true}'), SLOW_MS);
  }
}

/** Starts it on a free port of 127.0.0.1. */
export async function startSink(): Promise<Sink> {
  const hits: Hit[] = [];
  const server = createServer((request, response) => {
    request.resume();
    const path = request.url ?? '';
    const earlier = hits.filter((hit) => hit.path === path).length;
    hits.push({ path, method: request.method ?? '', at: Date.now() });
    answer(request, response, earlier);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hits,
    of: (token) => hits.filter((hit) => hit.path.split('/')[2] === token),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
