import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../../test/harness/database.ts';
import { startWorkerOn } from '../../../../test/harness/worker.ts';
import { draw } from '../../../../test/harness/workshop.ts';
import { startTestServer, type TestServer } from '../testing/test-server.ts';

/* Waits that people outside answer: by link, or in the run view. */

let server: TestServer;
let stopWorker: () => Promise<void>;
let pipeline: string;
beforeAll(async () => {
  server = await startTestServer();
  stopWorker = await startWorkerOn(server.test.url);
  pipeline = await server.publish(
    'refunds',
    draw({
      nodes: [
        { id: 'start', type: 'trigger.manual' },
        {
          id: 'ask',
          type: 'approval',
          config: { subject: '<b>Refund {{ run.input.n }}?</b>', instructions: 'Look at the <order>.' },
        },
        { id: 'yes', type: 'transform', config: { expression: '"paid: " + steps.ask.output.comment' } },
        { id: 'no', type: 'transform', config: { expression: '"refused"' } },
      ],
      edges: ['start > ask', 'ask.approved > yes', 'ask.rejected > no'],
    }),
  );
});
afterAll(async () => {
  await stopWorker();
  await server.close();
});

const start = async (id: string, source = 'published'): Promise<string> =>
  (await server.ask('POST', `/api/pipelines/${id}/runs`, { body: { source, input: { n: 5 } } })).json.runId;
const waitOf = (run: string) =>
  eventually('it waits', async () => (await server.ask('GET', `/api/runs/${run}`)).json.waiting[0] ?? null);
const pathOf = (link: string): string => new URL(link).pathname;
const ended = (run: string) =>
  eventually('it ends', async () => {
    const { json } = await server.ask('GET', `/api/runs/${run}`);
    return json.run.endedAt === null ? null : json.run;
  });
const output = async (run: string) => {
  const { json } = await server.ask('GET', `/api/runs/${run}/events?limit=5000`);
  return json.events.at(-1);
};
const HTML = { accept: 'text/html,application/xhtml+xml' };
const form = (fields: Record<string, string>) => ({
  body: new URLSearchParams(fields).toString(),
  headers: { 'content-type': 'application/x-www-form-urlencoded', ...HTML },
});

describe('approvals', () => {
  it('S3: GET and HEAD of the link decide nothing; the buttons do, once', async () => {
    const run = await start(pipeline);
    const { link } = await waitOf(run);
    for (const method of ['GET', 'HEAD', 'GET']) {
      const looked = await server.ask(method, pathOf(link), { headers: HTML });
      expect([looked.status, looked.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    }
    const page = await server.ask('GET', pathOf(link), { headers: HTML });
    expect(page.text).toContain('&lt;b&gt;Refund 5?&lt;/b&gt;');
    expect(page.text).toContain('Look at the &lt;order&gt;.');
    expect(page.text).not.toContain('<script');
    expect(page.text.match(/<button/g)).toHaveLength(2);
    expect((await waitOf(run)).link).toBe(link);

    const decided = await server.ask('POST', pathOf(link), form({ decision: 'approve', comment: 'fine' }));
    expect([decided.status, decided.text]).toEqual([200, expect.stringContaining('Approved')]);
    const again = await server.ask('POST', pathOf(link), form({ decision: 'reject' }));
    expect([again.status, again.text]).toEqual([409, expect.stringContaining('not wait')]);
    await ended(run);
    expect((await output(run)).data.output).toEqual({ inline: 'paid: fine' });
    expect((await server.ask('GET', pathOf(link))).json.error.code).toBe('not_waiting');
  });

  it('S4: the link of a run that has ended skips nothing: 409', async () => {
    const run = await start(pipeline);
    const { link } = await waitOf(run);
    await server.ask('POST', `/api/runs/${run}/cancel`, { body: {} });
    await ended(run);
    for (let i = 0; i < 2; i++) {
      const answer = await server.ask('POST', pathOf(link), { body: { approved: true } });
      expect([answer.status, answer.json.error.code]).toEqual([409, 'not_waiting']);
    }
    expect((await output(run)).kind).toBe('run.cancelled');
  });

  it('a link that was tampered with, or is for something else, is unknown', async () => {
    const run = await start(pipeline);
    const { link } = await waitOf(run);
    const [name = '', mac = ''] = pathOf(link).replace('/approvals/', '').split('.');
    const other = Buffer.from(Buffer.from(name, 'base64url').toString().replace('ask', 'yes')).toString('base64url');
    for (const path of [
      `/approvals/${other}.${mac}`,
      `/approvals/${name}.AAAA`,
      `/approvals/${name}`,
      `/resume/${name}.${mac}`,
    ]) {
      const answer = await server.ask('POST', path, { body: { approved: true } });
      expect([path, answer.status, answer.json.error.code]).toEqual([path, 404, 'unknown_link']);
    }
    await server.ask('POST', `/api/runs/${run}/cancel`, { body: {} });
  });

  it('are listed while they wait, and decided in the run view once', async () => {
    const run = await start(pipeline);
    await waitOf(run);
    const { json } = await server.ask('GET', `/api/approvals?run=${run}`);
    expect(json.items).toMatchObject([{ runId: run, stepKey: 'ask', reason: 'approval', pipelineName: 'refunds' }]);
    const path = `/api/runs/${run}/steps/ask/approval`;
    expect((await server.ask('POST', path, { body: { approved: false } })).status).toBe(200);
    expect((await server.ask('POST', path, { body: { approved: true } })).status).toBe(409);
    await ended(run);
    expect((await output(run)).data.output).toEqual({ inline: 'refused' });
    expect((await server.ask('GET', `/api/approvals?run=${run}`)).json.items).toEqual([]);
  });

  it('S5: a draft and the published pipeline wait at the same kind of address, and go on with what is posted', async () => {
    const id = await server.publish(
      'called back',
      draw({
        nodes: [
          { id: 'start', type: 'trigger.manual' },
          { id: 'hold', type: 'wait', config: { mode: 'webhook', deadlineSeconds: 600 } },
          { id: 'after', type: 'transform', config: { expression: 'steps.hold.output' } },
        ],
        edges: ['start > hold', 'hold > after'],
      }),
    );
    for (const source of ['draft', 'published']) {
      const run = await start(id, source);
      const { link } = await waitOf(run);
      expect(link).toMatch(new RegExp(`^${server.serving.url}/resume/[\\w-]+\\.[\\w-]+$`));
      expect((await server.ask('HEAD', pathOf(link))).status).toBe(200);
      const sent = await server.ask('POST', pathOf(link), { body: { score: source } });
      expect([sent.status, sent.json]).toEqual([200, { outcome: 'resumed' }]);
      expect((await server.ask('POST', pathOf(link), { body: {} })).status).toBe(409);
      await ended(run);
      expect((await output(run)).data.output).toEqual({ inline: { score: source } });
    }
  });
});
