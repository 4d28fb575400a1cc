import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startWorkerOn } from '../../../../test/harness/worker.ts';
import { draw } from '../../../../test/harness/workshop.ts';
import { startTestServer, type TestServer } from '../testing/test-server.ts';

let server: TestServer;
let stopWorker: () => Promise<void>;
beforeAll(async () => {
  server = await startTestServer();
  stopWorker = await startWorkerOn(server.test.url);
  await server.publish(
    'echo',
    hook('echo-hook', 'respond', {
      type: 'respond',
      config: { status: 201, headers: { 'x-own': 'yes', 'set-cookie': 'a=b' }, body: '{{ run.input }}' },
    }),
  );
  await server.publish(
    'last',
    hook('last-hook', 'last_step', { type: 'transform', config: { expression: '{"doubled": run.input.body.n * 2}' } }),
  );
  await server.publish(
    'once',
    hook('once-hook', 'at_once', { type: 'transform', config: { expression: 'run.input.body' } }),
  );
  await server.publish(
    'slow',
    hook(
      'slow-hook',
      'respond',
      {
        type: 'code',
        config: { code: 'const end = Date.now() + 3000; while (Date.now() < end); return 1', input: {} },
      },
      1,
    ),
  );
  await server.publish(
    'broken',
    hook('broken-hook', 'respond', { type: 'transform', config: { expression: 'run.input.body.nothing.there' } }),
  );
  await server.publish(
    'text',
    hook('text-hook', 'respond', {
      type: 'respond',
      config: { headers: { 'content-type': 'text/html' }, body: '<script>1</script>' },
    }),
  );
});
afterAll(async () => {
  await stopWorker();
  await server.close();
});

const hook = (token: string, mode: string, node: { type: string; config: object }, deadlineSeconds = 20) =>
  draw({
    nodes: [
      { id: 'hook', type: 'trigger.webhook', config: { token, mode, deadlineSeconds } },
      JSON.parse(JSON.stringify({ id: 'act', ...node })),
    ],
    edges: ['hook > act'],
  });

describe('hooks', () => {
  it('answer what the Respond step says, with its status and headers but no cookie', async () => {
    const answer = await server.ask('POST', '/hooks/echo-hook?a=1&b=2', {
      body: { n: 1 },
      headers: { authorization: 'Bearer secret', 'x-mine': 'm' },
    });
    expect(answer.status).toBe(201);
    expect(answer.json).toMatchObject({
      method: 'POST',
      query: { a: '1', b: '2' },
      body: { n: 1 },
      headers: { 'x-mine': 'm', 'content-type': 'application/json' },
    });
    expect(answer.text).not.toContain('secret');
    expect(answer.headers['x-own']).toBe('yes');
    expect(answer.headers['set-cookie']).toBeUndefined();
    expect(answer.headers['x-switchyard-run']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it.each([
    ['application/vnd.github+json', '{"a":[1]}', { a: [1] }],
    ['application/x-www-form-urlencoded', 'a=1&b=x%20y', { a: '1', b: 'x y' }],
    ['text/plain; charset=utf-8', 'plain ü', 'plain ü'],
    ['application/octet-stream', Buffer.from([0, 255, 1]), { base64: 'AP8B', mediaType: 'application/octet-stream' }],
  ])('read %s', async (type, body, expected) => {
    const answer = await server.ask('PUT', '/hooks/echo-hook', { body, headers: { 'content-type': type } });
    expect([answer.status, answer.json.body]).toEqual([201, expected]);
  });

  it('answer with the output of the run in mode last_step', async () => {
    const answer = await server.ask('POST', '/hooks/last-hook', { body: { n: 21 } });
    expect([answer.status, answer.json]).toEqual([200, { doubled: 42 }]);
  });

  it('answer at once with the run and its status URL', async () => {
    const answer = await server.ask('POST', '/hooks/once-hook', { body: { n: 1 } });
    expect(answer.status).toBe(202);
    const status = await server.ask('GET', new URL(answer.json.status).pathname);
    expect(status.json.run).toMatchObject({ id: answer.json.runId, trigger: 'webhook', pipelineName: 'once' });
  });

  it('start one run for one Idempotency-Key or webhook-id, and one for each hook', async () => {
    const twice = await Promise.all(
      [1, 2, 3].map(() =>
        server.ask('POST', '/hooks/once-hook', { body: { n: 2 }, headers: { 'idempotency-key': 'k1' } }),
      ),
    );
    expect(new Set(twice.map((answer) => answer.json.runId)).size).toBe(1);
    const other = await server.ask('POST', '/hooks/once-hook', { body: {}, headers: { 'webhook-id': 'k2' } });
    expect(other.json.runId).not.toBe(twice[0]!.json.runId);
  });

  it('send a caller who has waited long enough to the status URL, and the run goes on', async () => {
    const answer = await server.ask('POST', '/hooks/slow-hook', { body: {} });
    expect([answer.status, answer.json.runId]).toEqual([202, answer.headers['x-switchyard-run']]);
  });

  it('tell of a failed run in JSON, with its id', async () => {
    const answer = await server.ask('POST', '/hooks/broken-hook', { body: {} });
    expect(answer.status).toBe(502);
    expect(answer.json.error).toMatchObject({
      code: expect.any(String),
      message: expect.any(String),
      runId: answer.headers['x-switchyard-run'],
    });
  });

  it('never serve a page of this origin', async () => {
    const answer = await server.ask('GET', '/hooks/text-hook');
    expect(answer.headers['content-security-policy']).toBe('sandbox');
  });

  it('know HEAD, OPTIONS and what is not there', async () => {
    const before = (await server.database.catalog.runs.list({ limit: 200 })).rows.length;
    expect((await server.ask('HEAD', '/hooks/once-hook')).status).toBe(200);
    const options = await server.ask('OPTIONS', '/hooks/once-hook');
    expect([options.status, options.headers.allow]).toEqual([204, 'GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS']);
    const unknown = await server.ask('POST', '/hooks/nobody', { body: {} });
    expect([unknown.status, unknown.json.error.code]).toEqual([404, 'unknown_hook']);
    expect((await server.database.catalog.runs.list({ limit: 200 })).rows.length).toBe(before);
  });

  it('refuse hostile and oversized bodies with a code', async () => {
    const json = { 'content-type': 'application/json' };
    const cases: [string | Buffer, number, string][] = [
      ['{"__proto__":{"polluted":1}}', 400, 'forbidden_key'],
      ['{"constructor":{"prototype":{"polluted":1}}}', 400, 'forbidden_key'],
      [`${'['.repeat(100)}1${']'.repeat(100)}`, 400, 'json_too_deep'],
      ['{"a":', 400, 'invalid_json'],
      [Buffer.alloc(16 * 1024 * 1024 + 1, 32), 413, 'body_too_large'],
    ];
    for (const [body, status, code] of cases) {
      const answer = await server.ask('POST', '/hooks/once-hook', { body, headers: json });
      expect([answer.status, answer.json.error.code]).toEqual([status, code]);
    }
    const data = await server.ask('POST', '/hooks/once-hook', { body: { constructor: { name: 'McLaren' } } });
    expect(data.status).toBe(202);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});
