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
});
afterAll(async () => {
  await stopWorker();
  await server.close();
});

const doubling = draw({
  nodes: [
    { id: 'start', type: 'trigger.manual', config: {} },
    { id: 'double', type: 'transform', config: { expression: 'run.input.n * 2' } },
  ],
  edges: ['start > double'],
});
const broken = {
  nodes: [
    { id: 'start', type: 'trigger.manual' },
    { id: 'bad', type: 'transform', config: { expression: '1 +' } },
  ],
};

describe('pipelines', () => {
  it('begin with three ready ones, published, in the words of the model in the box', async () => {
    const { json } = await server.ask('GET', '/api/pipelines');
    expect(json.items.map((row: { name: string }) => row.name).sort()).toEqual([
      'Follow the links',
      'Solve a word problem',
      'Triage a message',
    ]);
    for (const row of json.items) {
      expect(row.published.number).toBe(1);
      expect((await server.ask('GET', `/api/pipelines/${row.id}`)).json.problems).toEqual([]);
    }
    for (const token of ['demo-solve', 'demo-follow', 'demo-triage']) {
      const missing = await server.ask('POST', `/hooks/${token}`, { body: {} });
      expect([token, missing.status, missing.json.error.code]).toEqual([token, 400, 'missing_input']);
    }
  });

  it('are saved only over the version they were made from', async () => {
    const made = await server.ask('POST', '/api/pipelines', { body: { name: 'mine', document: doubling } });
    expect([made.status, made.json.version]).toEqual([201, 1]);
    const path = `/api/pipelines/${made.json.id}/draft`;
    const body = { name: 'mine', document: broken };
    expect((await server.ask('PUT', path, { body })).json.error.code).toBe('if_match_missing');
    const saved = await server.ask('PUT', path, { body, headers: { 'if-match': '"1"' } });
    expect([saved.status, saved.json.version, saved.headers.etag]).toEqual([200, 2, '"2"']);
    expect(saved.json.problems.map((problem: { node: string }) => problem.node)).toContain('bad');
    const late = await server.ask('PUT', path, { body, headers: { 'if-match': '"1"' } });
    expect([late.status, late.json.error.code, late.json.error.current.version]).toEqual([412, 'draft_conflict', 2]);
    const refused = await server.ask('POST', `/api/pipelines/${made.json.id}/publish`, {
      headers: { 'if-match': '"2"' },
    });
    expect([refused.status, refused.json.error.code]).toEqual([422, 'invalid_document']);
    expect(refused.json.error.problems.length).toBeGreaterThan(0);
    const shapeless = await server.ask('PUT', path, {
      body: { document: { nodes: 'x' } },
      headers: { 'if-match': '"2"' },
    });
    expect([shapeless.status, shapeless.json.error.code]).toEqual([422, 'invalid_document']);
    expect((await server.ask('DELETE', `/api/pipelines/${made.json.id}`)).status).toBe(204);
    expect((await server.ask('GET', `/api/pipelines/${made.json.id}`)).status).toBe(404);
  });

  it('run from the draft and from what is published; a repeated key starts one run', async () => {
    const id = await server.publish('runs', doubling);
    const headers = { 'idempotency-key': 'same' };
    const sent = { body: { source: 'draft', input: { n: 4 } }, headers };
    const [first, second] = [
      await server.ask('POST', `/api/pipelines/${id}/runs`, sent),
      await server.ask('POST', `/api/pipelines/${id}/runs`, sent),
    ];
    expect([first.status, first.json.created, second.json.created, second.json.runId]).toEqual([
      201,
      true,
      false,
      first.json.runId,
    ]);
    const run = await eventually('the run to end', async () => {
      const { json } = await server.ask('GET', `/api/runs/${first.json.runId}`);
      return json.run.state === 'succeeded' ? json : null;
    });
    const { json: page } = await server.ask('GET', `/api/runs/${first.json.runId}/events?after=0&limit=2`);
    expect([page.events.length, page.next]).toEqual([2, 2]);
    const { json: rest } = await server.ask('GET', `/api/runs/${first.json.runId}/events?after=2`);
    expect(rest.events.at(-1)).toMatchObject({ kind: 'run.succeeded', seq: run.seq, data: { output: { inline: 8 } } });
    const cancel = await server.ask('POST', `/api/runs/${first.json.runId}/cancel`);
    expect([cancel.status, cancel.json]).toEqual([200, { outcome: 'over', state: 'succeeded' }]);
    const wrong = await server.ask('POST', `/api/pipelines/${id}/runs`, { body: { trigger: 'nobody' } });
    expect([wrong.status, wrong.json.error.code]).toEqual([422, 'unknown_trigger']);
  });

  it('keep large values as downloads that nothing renders', async () => {
    const id = await server.publish('large', doubling);
    const started = await server.ask('POST', `/api/pipelines/${id}/runs`, {
      body: { input: { n: 1, text: 'x'.repeat(40_000) } },
    });
    const { json } = await server.ask('GET', `/api/runs/${started.json.runId}/events`);
    const { sha256 } = json.events[0].data.input.blob;
    const blob = await server.ask('GET', `/api/blobs/${sha256}?run=${started.json.runId}`);
    expect(blob.json.text).toHaveLength(40_000);
    expect(blob.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'x-content-type-options': 'nosniff',
    });
    expect(blob.headers['content-disposition']).toMatch(/^attachment/);
    expect((await server.ask('GET', `/api/blobs/${'0'.repeat(64)}?run=${started.json.runId}`)).status).toBe(404);
  });
});

describe('the door', () => {
  it('takes JSON alone, small enough, and names what is wrong', async () => {
    const form = await server.ask('POST', '/api/pipelines', {
      body: 'name=x',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect([form.status, form.json.error.code]).toEqual([415, 'json_expected']);
    const large = await server.ask('POST', '/api/pipelines', { body: { name: 'x'.repeat(1024 * 1024) } });
    expect([large.status, large.json.error.code]).toEqual([413, 'body_too_large']);
    const wrong = await server.ask('POST', '/api/pipelines', { body: { name: '', extra: 1 } });
    expect([wrong.status, wrong.json.error.code, wrong.json.error.problems.length]).toEqual([
      400,
      'invalid_request',
      2,
    ]);
    expect((await server.ask('GET', '/api/runs/not-an-id')).json.error.code).toBe('invalid_request');
    expect((await server.ask('GET', '/api/nothing')).json.error.code).toBe('unknown_route');
  });

  it('makes keys that are shown once and open /v1', async () => {
    const made = await server.ask('POST', '/api/keys', { body: { name: 'mine' } });
    const listed = await server.ask('GET', '/api/keys');
    expect(listed.text).not.toContain(made.json.key);
    const headers = { authorization: `Bearer ${made.json.key}` };
    expect((await server.ask('GET', '/v1/models', { headers })).json).toEqual({ object: 'list', data: [] });
    expect((await server.ask('DELETE', `/api/keys/${made.json.id}`)).status).toBe(204);
    expect((await server.ask('GET', '/v1/models', { headers })).status).toBe(401);
  });
});

describe('demo pages', () => {
  it('lead from the start to the thing under the name they were asked for', async () => {
    const headers = { host: 'proxy.test:81' };
    const { json } = await server.ask('GET', '/demo/start?links=3&seed=9', { headers });
    expect(json.start).toMatch(/^http:\/\/proxy\.test:81\/demo\/[a-z]+\/\d{3}$/);
    let url = json.start;
    for (const left of [2, 1, 0]) {
      const page = await server.ask('GET', new URL(url).pathname, { headers });
      expect([page.status, page.headers['content-type']]).toEqual([200, 'text/plain; charset=utf-8']);
      if (left === 0)
        expect(page.text).toMatch(new RegExp(`^(The ${json.thing} is [A-Z]{4,7}\\.|${json.thing}: [A-Z]{4,7})$`));
      else url = /http:\S+/.exec(page.text)![0];
    }
    expect((await server.ask('GET', '/demo/otter/111')).status).toBe(404);
    expect((await server.ask('GET', '/demo/start?links=513')).status).toBe(400);
  });
});

describe('credentials', () => {
  it('are stored by name, and their values never come back', async () => {
    const body = { header: 'X-Key', value: 'canary-77f0', hosts: ['api.example.com'] };
    expect((await server.ask('PUT', '/api/credentials/orders', { body })).status).toBe(204);
    const list = await server.ask('GET', '/api/credentials');
    expect(list.json.items.map((row: { name: string }) => row.name)).toEqual(['orders']);
    expect(list.text).not.toContain('canary');
    const rows = await server.test.sql('select * from credential', []);
    expect(JSON.stringify(rows)).not.toContain('canary');
    const bad = await server.ask('PUT', '/api/credentials/orders', { body: { ...body, hosts: ['https://x/'] } });
    expect([bad.status, bad.json.error.code]).toEqual([400, 'invalid_request']);
    expect((await server.ask('DELETE', '/api/credentials/orders')).status).toBe(204);
    expect((await server.ask('DELETE', '/api/credentials/orders')).status).toBe(404);
  });
});

it('metrics that are off are not there, and say how to have them', async () => {
  const { json } = await server.ask('POST', '/api/keys', { body: { name: 'prometheus' } });
  const answer = await server.ask('GET', '/metrics', { headers: { authorization: `Bearer ${json.key}` } });
  expect([answer.status, answer.json.error.code]).toEqual([404, 'metrics_off']);
  expect(answer.text).toContain('SWITCHYARD_METRICS=on');
});
