import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JournalEvent, Json } from '@switchyard/pipeline';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { eventually } from '../../../../test/harness/database.ts';
import { startWorkerProcess } from '../../../../test/harness/worker-process.ts';
import { draw, openWorkshop, type Workshop } from '../../../../test/harness/workshop.ts';

type Post = { readonly method: string; readonly headers: IncomingMessage['headers']; readonly body: string };

const posts: Post[] = [];
let answer: (response: ServerResponse) => void;
const server = createServer(async (request, response) => {
  let body = '';
  for await (const bytes of request) body += String(bytes);
  posts.push({ method: request.method ?? '', headers: request.headers, body });
  answer(response);
});

let shop: Workshop;
let origin: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  shop = await openWorkshop('postgres');
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await shop.close();
});
beforeEach(() => {
  posts.length = 0;
  answer = (response) => void response.writeHead(204).end();
});

const start = { id: 'start', type: 'trigger.manual' };
const open = () => shop.worker({ allow: [{ origin, pathPrefix: '/' }] });
const begin = (config: object, input: Json = {}, node: object = {}) =>
  shop.start(
    draw({
      nodes: [start, { id: 'tell', type: 'notify', config: { url: `${origin}/hook`, ...config }, ...node } as Json],
      edges: ['start > tell'],
    }),
    input,
  );
const send = async (config: object, input: Json = {}, node: object = {}): Promise<JournalEvent['data'] | undefined> => {
  const worker = await open();
  const events = await shop.events(await begin(config, input, node));
  await worker.stop();
  return events.at(-1)?.data;
};

test('plain JSON, with a key for each attempt', async () => {
  let times = 0;
  answer = (response) => void response.writeHead(++times === 1 ? 503 : 200).end();
  const data = await send(
    { text: 'Order {{ run.input.id }}', data: { id: '{{ run.input.id }}' } },
    { id: 7 },
    {
      retry: { attempts: 2, backoffSeconds: 0.01 },
    },
  );
  expect(data).toMatchObject({ output: { inline: { status: 200 } } });
  expect(posts.map(({ body }) => JSON.parse(body))).toMatchObject([
    { text: 'Order 7', data: { id: 7 }, step: 'tell' },
    { text: 'Order 7', data: { id: 7 }, step: 'tell' },
  ]);
  const keys = posts.map(({ headers }) => String(headers['idempotency-key']));
  expect(keys.map((key) => key.split('/').slice(1))).toEqual([
    ['tell', '1'],
    ['tell', '2'],
  ]);
});

test('nobody is called by run data', async () => {
  const text = '{{ run.input.text }}';
  await send({ kind: 'slack', text }, { text: '<!channel> & "x"' });
  await send({ kind: 'discord', text }, { text: `@everyone ${'ä'.repeat(3_000)}` });
  expect(posts.map(({ body }) => JSON.parse(body))).toEqual([
    { text: '&lt;!channel&gt; &amp; "x"' },
    { content: `@everyone ${'ä'.repeat(1_989)}…`, allowed_mentions: { parse: [] } },
  ]);
});

test('a refusal and a redirect are failures', async () => {
  answer = (response) => void response.writeHead(400).end('no such channel');
  expect(await send({ text: 'x' })).toMatchObject({ failure: { code: 'http_status', details: { status: 400 } } });
  answer = (response) => {
    const moved = posts.length === 2;
    response.writeHead(moved ? 302 : 200, moved ? { location: '/welcome' } : {}).end();
  };
  expect(await send({ text: 'x' })).toMatchObject({
    failure: { code: 'redirected', details: { to: `${origin}/welcome` } },
  });
});

test.each([
  'http://169.254.169.254/latest/meta-data/',
  'http://127.0.0.1:1/',
  'http://[::1]/',
  'http://10.0.0.1/',
  'http://2130706433/',
  'file:///etc/passwd',
  'http://user:secret@example.com/',
])('an address inside is refused: %s', async (url) => {
  expect(await send({ url: '{{ run.input.url }}', text: 'x' }, { url })).toMatchObject({
    failure: { code: 'egress_denied' },
  });
});

test('a redirect inside is refused', async () => {
  answer = (response) => void response.writeHead(307, { location: 'http://169.254.169.254/' }).end();
  expect(await send({ text: 'x' })).toMatchObject({ failure: { code: 'egress_denied' } });
  expect(posts).toHaveLength(1);
});

test('a credential goes to its host and to no other', async () => {
  const { credentials } = shop.database.catalog;
  await credentials.set('here', { header: 'Authorization', value: 'Bearer s3cret', hosts: [new URL(origin).host] });
  await credentials.set('elsewhere', { header: 'Authorization', value: 'Bearer s3cret', hosts: ['hooks.example.com'] });
  await send({ text: 'x', credential: 'here' });
  expect(posts.map(({ headers }) => headers.authorization)).toEqual(['Bearer s3cret']);
  const denied = await send({ text: 'x', credential: 'elsewhere' });
  expect(denied).toMatchObject({ failure: { code: 'credential_host' } });
  expect(JSON.stringify(denied)).not.toContain('s3cret');
  expect(posts).toHaveLength(1);
});

test('a message whose worker was killed is not sent again in silence', async () => {
  answer = () => {};
  const victim = await startWorkerProcess(shop, { allowOrigin: origin });
  const run = await begin({ text: 'x' });
  await eventually('the message', () => posts[0] ?? null);
  victim.kill();
  const second = await open();
  const events = await shop.events(run);
  expect(events.at(-1)).toMatchObject({
    kind: 'run.failed',
    data: { failure: { code: 'outcome_unknown', node: 'tell' } },
  });
  expect(posts).toHaveLength(1);
  await second.stop();
});
