import { connect, type Socket } from 'node:net';

/*
 * A client of one connection that costs little itself: the machine under test is also the one that asks. It knows answers
 * with a Content-Length, one after the other.
 */

/** An answer: its status and body. */
export type HookReply = { readonly status: number; readonly body: string };

/** One kept connection. `ask` rejects when it breaks; then it is of no more use. */
export type HookClient = {
  readonly ask: (path: string, body: string, headers?: Readonly<Record<string, string>>) => Promise<HookReply>;
  readonly close: () => void;
};

/** Connects to a server on this machine. */
export function openClient(port: number): Promise<HookClient> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(clientOn(socket, port));
    });
  });
}

type Asked = { readonly resolve: (reply: HookReply) => void; readonly reject: (error: Error) => void };

function clientOn(socket: Socket, port: number): HookClient {
  let asked: Asked | null = null;
  let received = '';
  const broken = (error: Error): void => {
    asked?.reject(error);
    asked = null;
  };
  socket.setEncoding('latin1');
  socket.setTimeout(60_000, () => socket.destroy(new Error('no answer in a minute')));
  socket.on('data', (chunk: string) => {
    received += chunk;
    const reply = replyIn(received);
    if (reply === null) return;
    received = '';
    const waiting = asked;
    asked = null;
    waiting?.resolve(reply);
  });
  socket.on('error', broken);
  socket.on('close', () => broken(new Error('the connection was closed')));
  return {
    ask: (path, body, headers = {}) =>
      new Promise((resolve, reject) => {
        asked = { resolve, reject };
        const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
        socket.write(
          `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${more.join('')}\r\n${body}`,
        );
      }),
    close: () => socket.destroy(),
  };
}

/** The answer that has arrived, null while some of it is missing. Bodies here are ASCII. */
function replyIn(text: string): HookReply | null {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(text.slice(0, end + 2))?.[1] ?? Number.NaN);
  if (Number.isNaN(length)) throw new Error(`an answer without Content-Length: ${text.slice(0, 200)}`);
  const body = text.slice(end + 4);
  return body.length < length ? null : { status: Number(text.slice(9, 12)), body };
}
