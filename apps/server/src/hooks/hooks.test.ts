import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../../test/harness/database.ts';
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
  const waits = {
    type: 'code',
    config: { code: 'const end = Date.now() + 1500; while (Date.now() < end); return 1', input: {} },
  };
  await server.publish('patient', hook('patient-hook', 'last_step', waits));
  await server.publish(
    'stream',
    hook('stream-hook', 'stream', { type: 'transform', config: { expression: '{"streamed": true}' } }),
  );
  await server.publish('shop', {
    ...draw({
      nodes: [
        {
          id: 'hook',
          type: 'trigger.webhook',
          config: { token: 'shop-hook', methods: ['POST'], allowOrigins: 'https://shop.test' },
        },
        { id: 'act', type: 'transform', config: { expression: '1' } },
      ],
      edges: ['hook > act'],
    }),
  });
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

/** The status of a run once it has ended, asked of the address that its caller was given. */
const ended = (status: string) =>
  eventually('the end of the run', async () => {
    const { json } = await server.ask('GET', new URL(status).pathname);
    return json.answer === null ? null : json;
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

  it('answer with the output of the run in mode last_step', async () => {
    const answer = await server.ask('POST', '/hooks/last-hook', { body: { n: 21 } });
    expect([answer.status, answer.json]).toEqual([200, { doubled: 42 }]);
  });

  it('answer at once with the run and its status URL', async () => {
    const answer = await server.ask('POST', '/hooks/once-hook', { body: { n: 1 } });
    expect(answer.status).toBe(202);
    expect(answer.headers.location).toBe(answer.json.status);
    const run = await server.ask('GET', `/api/runs/${answer.json.runId}`);
    expect(run.json.run).toMatchObject({ id: answer.json.runId, trigger: 'webhook', pipelineName: 'once' });
    const status = await ended(answer.json.status);
    expect(status).toMatchObject({ state: 'succeeded', answer: { status: 200, body: { n: 1 } } });
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
    expect(await ended(answer.json.status)).toMatchObject({
      state: 'succeeded',
      answer: { status: 200, headers: {}, body: 1 },
    });
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

  it('give the status of their own runs alone', async () => {
    const answer = await server.ask('POST', '/hooks/once-hook', { body: {} });
    const foreign = new URL(answer.json.status).pathname.replace('once-hook', 'last-hook');
    expect((await server.ask('GET', foreign)).status).toBe(404);
    expect((await server.ask('GET', `/hooks/once-hook/runs/${server.database.catalog.projectId}`)).status).toBe(404);
  });

  it('answer what a Respond step said under the status URL too', async () => {
    const { headers } = await server.ask('POST', '/hooks/echo-hook', { body: { n: 1 } });
    const status = await ended(`http://x/hooks/echo-hook/runs/${headers['x-switchyard-run']}`);
    expect(status.answer).toMatchObject({ status: 201, headers: { 'x-own': 'yes' }, body: { body: { n: 1 } } });
  });

  it('a waiting caller gets its answer from another worker than the one that died or left', async () => {
    const asked = server.ask('POST', '/hooks/patient-hook', { body: {} });
    await eventually('the step of the run', async () => {
      const rows = await server.test.sql(
        `select from step where key = 'act' and state = 'running' and owner is not null`,
      );
      return rows.length > 0 ? true : null;
    });
    await stopWorker();
    stopWorker = await startWorkerOn(server.test.url);
    expect(await asked).toMatchObject({ status: 200, json: 1 });
  });

  it('stream steps and the answer, and end', async () => {
    const stream = await server.open('/hooks/stream-hook');
    let text = '';
    for await (const chunk of stream) text += String(chunk);
    const frames = text.split('\n\n').filter((frame) => frame.includes('event: '));
    const told = frames.map((frame) => [
      /event: (.*)/.exec(frame)?.[1],
      JSON.parse(/data: (.*)/.exec(frame)?.[1] ?? ''),
    ]);
    expect(stream.headers['content-type']).toBe('text/event-stream');
    expect(told[0]).toEqual(['run', { runId: stream.headers['x-switchyard-run'], status: expect.any(String) }]);
    expect(told).toContainEqual(['step', { step: 'act', state: 'succeeded' }]);
    expect(told.at(-1)).toEqual(['answer', { status: 200, headers: {}, body: { streamed: true } }]);
    expect(text).not.toContain('"headers":{"host"');
  });

  it('answer pages of other origins only where their node names them', async () => {
    const preflight = {
      origin: 'https://shop.test',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'x-a',
    };
    const allowed = await server.ask('OPTIONS', '/hooks/shop-hook', { headers: preflight });
    expect([
      allowed.status,
      allowed.headers['access-control-allow-origin'],
      allowed.headers['access-control-allow-headers'],
    ]).toEqual([204, 'https://shop.test', 'x-a']);
    expect(allowed.headers['access-control-allow-credentials']).toBeUndefined();
    const foreign = await server.ask('OPTIONS', '/hooks/shop-hook', {
      headers: { ...preflight, origin: 'https://evil.test' },
    });
    expect(foreign.headers['access-control-allow-origin']).toBeUndefined();
    const posted = await server.ask('POST', '/hooks/shop-hook', { body: {}, headers: { origin: 'https://shop.test' } });
    expect([posted.status, posted.headers['access-control-allow-origin']]).toEqual([202, 'https://shop.test']);
    const got = await server.ask('GET', '/hooks/shop-hook');
    expect([got.status, got.json.error.code, got.headers.allow]).toEqual([405, 'method_not_allowed', 'POST']);
  });
});
