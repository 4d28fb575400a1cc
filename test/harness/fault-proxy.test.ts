import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from './database.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';

/* The server says back whatever it is told, and keeps it. */

let proxy: FaultProxy;
let heard = '';
let serverSockets: Socket[] = [];
let stopServer: () => void;
let clients: Client[] = [];

type Client = { readonly socket: Socket; said(): string; gone(): boolean };

beforeEach(async () => {
  heard = '';
  serverSockets = [];
  clients = [];
  const server = createServer((socket) => {
    serverSockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      heard += bytes;
      socket.write(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stopServer = () => {
    for (const socket of serverSockets) socket.destroy();
    server.close();
  };
  proxy = await startFaultProxy(`tcp://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
afterEach(async () => {
  for (const client of clients) client.socket.destroy();
  await proxy.close();
  stopServer();
});

async function dial(): Promise<Client> {
  const socket = connect(Number(new URL(proxy.url).port), '127.0.0.1');
  let said = '';
  let gone = false;
  socket.on('data', (bytes) => {
    said += bytes;
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    gone = true;
  });
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => {}); // refused: `gone` says so
  const client = { socket, said: () => said, gone: () => gone };
  clients.push(client);
  return client;
}
const say = async (client: Client, text: string): Promise<void> => {
  const before = client.said().length;
  client.socket.write(text);
  await eventually(`the answer to ${text}`, () => (client.said().length >= before + text.length ? true : null));
};
const fired = (verb: keyof FaultProxy['fired'], times: number) =>
  eventually(`${verb} fired ${times} times`, () => (proxy.fired[verb] >= times ? true : null));

test('without a fault bytes pass, and an end is passed on', async () => {
  const client = await dial();
  await say(client, 'hello');
  serverSockets[0]?.destroy();
  await eventually('the client hears of the end', () => (client.gone() ? true : null));
  expect(Object.values(proxy.fired).every((times) => times === 0)).toBe(true);
  expect(proxy.open()).toBe(0);
});

test('drop: the request arrives, the answer vanishes, the connection stays', async () => {
  const client = await dial();
  await say(client, 'a');
  proxy.inject({ verb: 'drop', towards: 'client' });
  client.socket.write('b');
  await fired('drop', 1);
  proxy.heal();
  await say(client, 'c');
  expect([heard, client.said(), client.gone()]).toEqual(['abc', 'ac', false]);
});

test('stall: nothing arrives until it is lifted, then everything in order', async () => {
  const client = await dial();
  await say(client, 'a');
  proxy.inject({ verb: 'stall', towards: 'server' });
  client.socket.write('b');
  await fired('stall', 1);
  expect(heard).toBe('a');
  proxy.heal();
  await say(client, 'c');
  expect(heard).toBe('abc');
});

test('delay and throttle: all bytes arrive in order, in more pieces', async () => {
  const client = await dial();
  proxy.inject({ verb: 'delay', ms: 30 });
  await say(client, 'abc');
  expect(proxy.fired.delay).toBe(2);
  proxy.inject({ verb: 'throttle', bytesPerSecond: 200, towards: 'client' });
  let pieces = 0;
  client.socket.on('data', () => {
    pieces += 1;
  });
  await say(client, 'x'.repeat(60));
  expect(client.said()).toBe(`abc${'x'.repeat(60)}`);
  expect(pieces).toBeGreaterThan(2);
});

test('cut: after so many bytes of an answer both sides are reset', async () => {
  const client = await dial();
  proxy.inject({ verb: 'cut', after: 4, towards: 'client' });
  client.socket.write('123456');
  await eventually('the cut', () => (client.gone() ? true : null));
  expect([heard, client.said(), proxy.fired.cut]).toEqual(['123456', '1234', 1]);
});

test('cut with a text: only the answer to that request is lost, and once', async () => {
  const [one, two] = [await dial(), await dial()];
  proxy.inject({ verb: 'cut', after: 0, towards: 'client', when: 'commit' });
  await say(one, 'select');
  two.socket.write('commit');
  await eventually('the cut', () => (two.gone() ? true : null));
  await say(one, 'commit');
  expect([heard, two.said(), proxy.fired.cut]).toEqual(['selectcommitcommit', '', 1]);
});

test('duplicate: the bytes of a request arrive twice, once', async () => {
  const client = await dial();
  proxy.inject({ verb: 'duplicate', when: 'pay' });
  await say(client, 'look');
  await say(client, 'paypay'.slice(0, 3));
  await say(client, 'pay');
  await eventually('all answers', () => (client.said().length >= 13 ? true : null));
  expect([heard, proxy.fired.duplicate]).toEqual(['lookpaypaypay', 1]);
});

test('half-open: a dead server looks alive until the fault is lifted', async () => {
  const client = await dial();
  await say(client, 'a');
  proxy.inject({ verb: 'half-open' });
  client.socket.write('b');
  await fired('half-open', 1);
  serverSockets[0]?.destroy();
  await fired('half-open', 2);
  expect([heard, client.gone()]).toEqual(['a', false]);
  proxy.heal();
  await eventually('the reset', () => (client.gone() ? true : null));
});

test('refuse: new connections are reset, old ones live', async () => {
  const old = await dial();
  await say(old, 'a');
  proxy.inject({ verb: 'refuse' });
  const fresh = await dial();
  await eventually('the reset', () => (fresh.gone() ? true : null));
  await say(old, 'b');
  proxy.heal();
  await say(await dial(), 'c');
  expect([heard, proxy.fired.refuse]).toEqual(['abc', 1]);
});
