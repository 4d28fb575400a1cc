import { connect, createServer, type Socket } from 'node:net';

/** A TCP proxy before Postgres that can swallow answers: the commit result is then unknown to the client. */
export type TornAnswerProxy = {
  /** The server's address through this proxy. */
  readonly url: string;
  /** The next request whose bytes hold `text` reaches the server; its answer does not come back, the connection breaks. */
  readonly tearNext: (text: string) => void;
  /** How many answers were torn off. */
  readonly torn: () => number;
  readonly close: () => Promise<void>;
};

/** Starts a proxy to the server of `url`. The server has committed before it answers, so a torn answer is of a done transaction. */
export async function startTornAnswerProxy(url: string): Promise<TornAnswerProxy> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let armed: string | null = null;
  let torn = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    let tearing = false;
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', end).on('close', () => {
        sockets.delete(socket);
        end();
      });
    }
    client.on('data', (bytes) => {
      if (armed !== null && bytes.includes(armed)) {
        armed = null;
        tearing = true;
      }
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (!tearing) {
        client.write(bytes);
        return;
      }
      torn += 1;
      end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  const through = new URL(url);
  through.hostname = '127.0.0.1';
  through.port = String(address.port);
  return {
    url: through.href,
    tearNext: (text) => {
      armed = text;
    },
    torn: () => torn,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
