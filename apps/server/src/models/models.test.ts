import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../../test/harness/database.ts';
import { startTestServer, type TestServer } from '../testing/test-server.ts';

/** A model's server: answers with what it was asked, or streams until its caller leaves. */
type Seen = {
  readonly url: string;
  readonly key: string | undefined;
  readonly body: ReturnType<typeof JSON.parse>;
  closed: boolean;
};
let server: TestServer;
let model: Server;
let baseUrl: string;
let headers: Record<string, string>;
let seen: Seen[] = [];

async function act(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  const one: Seen = {
    url: String(request.url),
    key: request.headers.authorization,
    body: text === '' ? null : JSON.parse(text),
    closed: false,
  };
  seen.push(one);
  response.on('close', () => {
    one.closed = true;
  });
  if (one.key !== 'Bearer right') return void response.writeHead(401).end('{"error":{"message":"bad key"}}');
  if (one.url === '/v1/models') return void response.end('{"data":[{"id":"big"}]}');
  if (one.body?.stream)
    return void response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"n":1}\n\n');
  response
    .setHeader('content-type', 'application/json')
    .end(JSON.stringify({ choices: [{ message: { content: `I am ${one.body.model}` } }] }));
}

beforeAll(async () => {
  server = await startTestServer();
  model = createServer((request, response) => void act(request, response));
  await new Promise<void>((resolve) => model.listen(0, '127.0.0.1', resolve));
  baseUrl = `http://127.0.0.1:${(model.address() as AddressInfo).port}/v1`;
  headers = { authorization: `Bearer ${(await server.ask('POST', '/api/keys', { body: { name: 'test' } })).json.key}` };
  for (const [name, modelId] of [
    ['first', 'small'],
    ['second', 'big'],
  ])
    await server.ask('POST', '/api/connections', { body: { name, baseUrl, modelId, apiKey: 'right' } });
});
beforeEach(() => {
  seen = [];
});
afterAll(async () => {
  model.closeAllConnections();
  model.close();
  await server.close();
});

const chat = (body: object) => server.ask('POST', '/v1/chat/completions?x=1', { body, headers });

describe('/v1', () => {
  it.each([
    ['big', 'big'],
    ['second', 'big'],
    ['default', 'small'],
    ['unheard-of', 'unheard-of'],
  ])('passes a request for %s on, asking for %s, with the key of the connection', async (asked, told) => {
    const answer = await chat({ model: asked, messages: [], extra: { kept: true } });
    expect([answer.status, answer.json.choices[0].message.content]).toEqual([200, `I am ${told}`]);
    expect(seen).toMatchObject([
      { url: '/v1/chat/completions?x=1', key: 'Bearer right', body: { extra: { kept: true } } },
    ]);
  });

  it('lists the models of all connections', async () => {
    const { json } = await server.ask('GET', '/v1/models', { headers });
    expect(json.data.map((one: { id: string }) => one.id).sort()).toEqual(['big', 'small']);
  });

  it('streams as it comes, and ends the request there when the client leaves', async () => {
    const { request } = await import('node:http');
    const body = JSON.stringify({ model: 'big', stream: true });
    const client = request({
      host: '127.0.0.1',
      port: server.port,
      method: 'POST',
      path: '/v1/chat/completions',
      headers,
      agent: false,
    });
    client.on('error', () => {});
    const first = new Promise<string>((resolve) =>
      client.on('response', (response) => response.once('data', (chunk) => resolve(String(chunk)))),
    );
    client.end(body);
    expect(await first).toBe('data: {"n":1}\n\n');
    expect(seen[0]?.closed).toBe(false);
    client.destroy();
    await eventually('the model’s server to see it', () => (seen[0]?.closed ? true : null));
  });

  it('says which connection does not answer', async () => {
    await server.ask('POST', '/api/connections', {
      body: { name: 'gone', baseUrl: 'http://127.0.0.1:9/v1', modelId: 'gone' },
    });
    const answer = await chat({ model: 'gone', messages: [] });
    expect([answer.status, answer.json.error.code, answer.json.error.type]).toEqual([
      502,
      'model_unreachable',
      'server_error',
    ]);
  });
});

describe('connections', () => {
  it('keep their key to themselves, and keep it when it is left out', async () => {
    const { json, text } = await server.ask('GET', '/api/connections');
    expect(text).not.toContain('right');
    const second = json.items.find((one: { name: string }) => one.name === 'second');
    expect(second).toMatchObject({ hasKey: true, isDefault: false });
    const changed = await server.ask('PUT', `/api/connections/${second.id}`, {
      body: { name: 'second', baseUrl, modelId: 'big', dialect: 'kimi' },
    });
    expect(changed.json).toMatchObject({ dialect: 'kimi', hasKey: true });
    const taken = await server.ask('POST', '/api/connections', { body: { name: 'second', baseUrl, modelId: 'x' } });
    expect([taken.status, taken.json.error.code]).toEqual([409, 'name_taken']);
  });

  it('are tried with one real question, and say what is wrong', async () => {
    const add = async (name: string, more: object): Promise<string> =>
      (
        await server.ask('POST', '/api/connections', {
          body: { name, baseUrl, modelId: 'big', apiKey: 'right', ...more },
        })
      ).json.id;
    const tried = async (id: string) => (await server.ask('POST', `/api/connections/${id}/test`)).json;
    expect(await tried(await add('good', {}))).toMatchObject({
      ok: true,
      message: 'It answered: I am big',
      models: ['big'],
    });
    expect(await tried(await add('wrong key', { apiKey: 'wrong' }))).toMatchObject({
      ok: false,
      message: 'It refused the key (401): bad key',
    });
    const nobody = await tried(await add('nobody', { baseUrl: 'http://127.0.0.1:9/v1' }));
    expect(nobody).toMatchObject({ ok: false, message: expect.stringContaining('does not answer') });
  });
});
