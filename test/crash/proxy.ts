import { createServer, request, type Server } from 'node:http';
import { freePort } from '../harness/product.ts';

/** A logging reverse proxy: how often each address was really answered, whoever asked. */
export type CountingProxy = { readonly origin: string; readonly hits: Map<string, number>; close(): Promise<void> };

/** Forwards everything to `target()` under its own host name, so that pages link back through the proxy; counts what was answered. */
export async function countingProxy(target: () => string): Promise<CountingProxy> {
  const hits = new Map<string, number>();
  const server: Server = createServer((incoming, outgoing) => {
    const url = `http://${incoming.headers.host}${incoming.url}`;
    const forward = request(
      target() + (incoming.url ?? '/'),
      { method: incoming.method, headers: incoming.headers },
      (answer) => {
        hits.set(url, (hits.get(url) ?? 0) + 1);
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.on('error', () => outgoing.destroy()); // it died while it answered
        answer.pipe(outgoing);
      },
    );
    forward.on('error', () => outgoing.destroy()); // a dead server looks dead
    incoming.pipe(forward);
  });
  // the model copies addresses on this port, so it is the product's usual one where that is free: see freePort
  const port = await freePort(7070);
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('no port');
      resolve({
        origin: `http://127.0.0.1:${address.port}`,
        hits,
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            server.closeAllConnections();
          }),
      });
    });
  });
}
