import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { draw } from '../../../../test/harness/workshop.ts';
import { startTestServer, type TestServer } from '../testing/test-server.ts';

let server: TestServer;
/** A second server on the same database. */
let other: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  other = await startTestServer({ url: server.test.url });
});
afterAll(async () => {
  await other.close();
  await server.close();
});

const taking = (token: string, config: object = {}, settings?: object) => ({
  ...draw({
    nodes: [
      JSON.parse(JSON.stringify({ id: 'hook', type: 'trigger.webhook', config: { token, ...config } })),
      { id: 'act', type: 'code', config: { code: 'return 1', input: {} } },
    ],
    edges: ['hook > act'],
  }),
  ...(settings === undefined ? {} : { settings: JSON.parse(JSON.stringify(settings)) }),
});

const webhookOf = async (pipelineId: string): Promise<string> =>
  (await server.ask('GET', `/api/webhooks?pipeline=${pipelineId}`)).json.items[0].id;
const deliveries = async (id: string) => (await server.ask('GET', `/api/webhooks/${id}/deliveries`)).json.items;

describe('deliveries of webhooks', () => {
  it('W11: one id, twenty milliseconds apart at two servers and again later, is one run and one answer', async () => {
    await server.publish('twice', taking('twice'));
    const headers = { 'x-github-delivery': 'one-event' };
    const first = server.ask('POST', '/hooks/twice', { body: { n: 1 }, headers });
    await new Promise((resolve) => setTimeout(resolve, 20));
    const answers = [await first, await other.ask('POST', '/hooks/twice', { body: { n: 1 }, headers })];
    answers.push(await server.ask('POST', '/hooks/twice', { body: { n: 1 }, headers }));
    expect(new Set(answers.map(({ status, json }) => `${status} ${json.runId}`)).size).toBe(1);
    const others = await Promise.all(
      [server, other, server].map((one) =>
        one.ask('POST', '/hooks/twice', { body: {}, headers: { 'idempotency-key': 'k' } }),
      ),
    );
    expect(new Set(others.map(({ json }) => json.runId)).size).toBe(1);
    expect(others[0]?.json.runId).not.toBe(answers[0]?.json.runId);
  });

  it('W9: a pipeline made and published over REST is served at once, by every server, and after a restart', async () => {
    await server.publish('served', taking('served'));
    for (const one of [server, other]) expect((await one.ask('POST', '/hooks/served', { body: {} })).status).toBe(202);
    const restarted = await startTestServer({ url: server.test.url });
    expect((await restarted.ask('POST', '/hooks/served', { body: {} })).status).toBe(202);
    await restarted.close();
  });

  it('W9: a webhook published anew or removed is what it is now, at the other server too', async () => {
    const id = await server.publish('changing', taking('changing'));
    expect((await other.ask('POST', '/hooks/changing', { body: {} })).status).toBe(202);
    const changed = { document: taking('changing', { methods: ['PUT'] }) };
    await server.ask('PUT', `/api/pipelines/${id}/draft`, { headers: { 'if-match': '"1"' }, body: changed });
    await server.ask('POST', `/api/pipelines/${id}/publish`, { headers: { 'if-match': '"2"' } });
    expect((await other.ask('PUT', '/hooks/changing', { body: {} })).status).toBe(202);
    expect((await other.ask('POST', '/hooks/changing', { body: {} })).status).toBe(405);
    await server.ask('DELETE', `/api/pipelines/${id}`);
    expect((await other.ask('PUT', '/hooks/changing', { body: {} })).status).toBe(404);
  });

  it('W10: of 300 requests at once each 2xx has its run in the journal by then', async () => {
    await server.publish('burst', taking('burst'));
    const answers = await Promise.all(
      Array.from({ length: 300 }, async (_, i) => {
        const answer = await server.ask('POST', '/hooks/burst', { body: { i } });
        const rows = await server.test.sql('select from run where id = $1', [answer.json.runId]);
        return [answer.status, rows.length];
      }),
    );
    expect(answers.every(([status, rows]) => status === 202 && rows === 1)).toBe(true);
  });

  it('are listed without secrets, the last fifty of them, and with what became of them', async () => {
    const pipeline = await server.publish('listed', taking('listed', { methods: ['POST'] }));
    const id = await webhookOf(pipeline);
    for (let i = 0; i < 55; i++) await server.ask('POST', '/hooks/listed', { body: { i } });
    await server.ask('POST', '/hooks/listed?a=1', {
      body: { x: 1 },
      headers: { authorization: 'Bearer hidden', cookie: 'c=hidden', 'x-shown': 'yes', 'idempotency-key': 'twice' },
    });
    await server.ask('POST', '/hooks/listed', { body: { x: 1 }, headers: { 'idempotency-key': 'twice' } });
    await server.ask('POST', '/hooks/listed', { body: '{', headers: { 'content-type': 'application/json' } });
    await server.ask('GET', '/hooks/listed');
    const items = await deliveries(id);
    expect(items).toHaveLength(50);
    expect(items.slice(0, 4)).toMatchObject([
      { outcome: 'refused', status: 405, code: 'method_not_allowed', method: 'GET', runId: null },
      { outcome: 'refused', status: 400, code: 'invalid_json' },
      { outcome: 'repeated', status: 202 },
      { outcome: 'started', status: 202, target: '?a=1', bodyBytes: 7, headers: { 'x-shown': 'yes' } },
    ]);
    expect(items[2].runId).toBe(items[3].runId);
    expect(JSON.stringify(items)).not.toContain('hidden');
  });

  it('are replayed into the draft and into the published version, refused ones too', async () => {
    const pipeline = await server.publish('replayed', taking('replayed', { methods: ['POST'] }));
    const id = await webhookOf(pipeline);
    await server.ask('POST', '/hooks/replayed', { body: { from: 'afar' } });
    await server.ask('PUT', '/hooks/replayed', { body: { refused: true } });
    const [refused, started] = await deliveries(id);
    const draft = {
      document: { ...taking('replayed'), notes: [{ id: 'n', text: 'newer', position: { x: 0, y: 0 } }] },
    };
    await server.ask('PUT', `/api/pipelines/${pipeline}/draft`, { headers: { 'if-match': '"1"' }, body: draft });
    const replay = async (delivery: string, source: string) => {
      const answer = await server.ask('POST', `/api/webhooks/${id}/deliveries/${delivery}/replay`, {
        body: { source },
      });
      expect(answer.status).toBe(201);
      const { json } = await server.ask('GET', `/api/runs/${answer.json.runId}/events`);
      return json.events[0].data;
    };
    expect(await replay(started.id, 'published')).toMatchObject({
      input: { inline: { body: { from: 'afar' } } },
      revision: { number: 1 },
    });
    expect(await replay(started.id, 'draft')).toMatchObject({
      input: { inline: { body: { from: 'afar' } } },
      revision: { number: null },
    });
    expect(await replay(refused.id, 'published')).toMatchObject({
      input: { inline: { method: 'PUT', body: { refused: true } } },
    });
    expect((await server.ask('POST', `/api/webhooks/${id}/deliveries/${pipeline}/replay`, { body: {} })).status).toBe(
      404,
    );
  });

  it('are replayed with their files', async () => {
    const id = await webhookOf(await server.publish('filed', taking('filed')));
    const body = '--b\r\ncontent-disposition: form-data; name="f"; filename="a.txt"\r\n\r\nthe bytes\r\n--b--\r\n';
    const headers = { 'content-type': 'multipart/form-data; boundary=b' };
    await server.ask('POST', '/hooks/filed', { body, headers });
    const [delivery] = await deliveries(id);
    const replayed = await server.ask('POST', `/api/webhooks/${id}/deliveries/${delivery.id}/replay`, { body: {} });
    const { json } = await server.ask('GET', `/api/runs/${replayed.json.runId}/events`);
    const [file] = json.events[0].data.input.inline.files;
    const blob = await server.ask('GET', `/api/blobs/${file.sha256}?run=${replayed.json.runId}`);
    expect([blob.status, blob.text]).toEqual([200, 'the bytes']);
  });

  it('a webhook keeps its deliveries when its pipeline is published anew', async () => {
    const pipeline = await server.publish('kept', taking('kept'));
    await server.ask('POST', '/hooks/kept', { body: {} });
    const id = await webhookOf(pipeline);
    await server.ask('POST', `/api/pipelines/${pipeline}/publish`, { headers: { 'if-match': '"1"' } });
    expect(await webhookOf(pipeline)).toBe(id);
    expect(await deliveries(id)).toHaveLength(1);
  });
});

describe('limits of webhooks', () => {
  it('a rate is kept over all servers: 429 with Retry-After, and nothing is started', async () => {
    const pipeline = await server.publish('rated', taking('rated', { rateMax: 3, rateSeconds: 3600 }));
    const answers = await Promise.all(
      [server, other, server, other, server].map((one) => one.ask('POST', '/hooks/rated', { body: {} })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 202, 202, 429, 429]);
    const refused = answers.find(({ status }) => status === 429);
    expect(Number(refused?.headers['retry-after'])).toBeGreaterThan(3000);
    expect((await server.ask('GET', `/api/runs?pipeline=${pipeline}`)).json.items).toHaveLength(3);
  });

  it('living runs are counted, and one that ended makes room', async () => {
    await server.publish('living', taking('living', { concurrency: 2 }));
    const first = await server.ask('POST', '/hooks/living', { body: {} });
    await server.ask('POST', '/hooks/living', { body: {} });
    const refused = await server.ask('POST', '/hooks/living', { body: {} });
    expect([refused.status, refused.json.error.code, refused.headers['retry-after']]).toEqual([
      429,
      'too_many_requests',
      '1',
    ]);
    await server.ask('POST', `/api/runs/${first.json.runId}/cancel`, { body: {} });
    expect((await server.ask('POST', '/hooks/living', { body: {} })).status).toBe(202);
  });

  it('a pipeline whose line is full is 429 before anything is stored', async () => {
    await server.publish('full', taking('full', {}, { queueMax: 2 }));
    const answers = [];
    for (let i = 0; i < 3; i++) answers.push((await server.ask('POST', '/hooks/full', { body: {} })).status);
    expect(answers).toEqual([202, 202, 429]);
  });

  it('a body names a delivery where that is asked, and nothing does where that is off', async () => {
    await server.publish('by-body', taking('by-body', { dedup: 'body' }));
    await server.publish('by-nothing', taking('by-nothing', { dedup: 'off' }));
    const runs = async (path: string, headers = {}) => {
      const answers = [
        await server.ask('POST', path, { body: { n: 1 }, headers }),
        await server.ask('POST', path, { body: { n: 1 }, headers }),
      ];
      return new Set(answers.map(({ json }) => json.runId)).size;
    };
    expect(await runs('/hooks/by-body')).toBe(1);
    expect(await runs('/hooks/by-nothing', { 'idempotency-key': 'k' })).toBe(2);
  });
});
