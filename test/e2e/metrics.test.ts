import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort, type Product, startProduct, until } from '../harness/product.ts';
import { type ScriptedModel, startScriptedModel } from '../harness/scripted-model.ts';
import { type Sink, startSink } from '../harness/sink.ts';
import { draw } from '../harness/workshop.ts';

/* The numbers of server and worker, as Prometheus would read them from the real processes. */

let product: Product;
let model: ScriptedModel;
let sink: Sink;
let workerPort: number;
let authorization: string;
beforeAll(async () => {
  model = await startScriptedModel(() => ({ text: 'hello' }));
  sink = await startSink();
  workerPort = await freePort();
  product = await startProduct({
    env: {
      SWITCHYARD_METRICS: 'on',
      SWITCHYARD_WORKER_PORT: String(workerPort),
      SWITCHYARD_ALLOW_ORIGINS: sink.origin,
    },
  });
  authorization = `Bearer ${(await product.api<{ key: string }>('POST', '/api/keys', { name: 'prometheus' })).key}`;
}, 120_000);
afterAll(async () => {
  await product?.stop();
  await sink?.close();
  await model?.close();
});

const numbersIn = (text: string): ReadonlyMap<string, number> =>
  new Map(
    text
      .split('\n')
      .filter((line) => line.startsWith('switchyard_'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
async function read(url: string, headers: Record<string, string> = {}): Promise<ReadonlyMap<string, number>> {
  const answer = await fetch(url, { headers });
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, expect.stringContaining('version=0.0.4')]);
  return numbersIn(await answer.text());
}
const ofServer = () => read(`${product.url}/metrics`, { authorization });
const ofWorker = () => read(`http://127.0.0.1:${workerPort}/metrics`);

async function publish(name: string, drawing: Parameters<typeof draw>[0]): Promise<string> {
  const { id } = await product.api<{ id: string }>('POST', '/api/pipelines', { name, document: draw(drawing) });
  await product.api('POST', `/api/pipelines/${id}/publish`, undefined, { 'if-match': '"1"' });
  return id;
}
const start = async (pipeline: string): Promise<string> =>
  (await product.api<{ runId: string }>('POST', `/api/pipelines/${pipeline}/runs`, { source: 'published', input: {} }))
    .runId;
const ended = (run: string): Promise<string> =>
  until('it ends', 60_000, async () => {
    const { run: row } = await product.api<{ run: { state: string; endedAt: string | null } }>(
      'GET',
      `/api/runs/${run}`,
    );
    return row.endedAt === null ? undefined : row.state;
  });

it('a run is counted where it happened: begun by the server, its steps, turns and tokens by the worker', async () => {
  const connection = { name: 'scripted', dialect: 'kimi', baseUrl: model.baseUrl, modelId: 'scripted' };
  await product.api('POST', '/api/connections', connection);
  const pipeline = await publish('counted', {
    nodes: [
      { id: 'start', type: 'trigger.webhook', config: { verify: 'public', token: 'counted-here', mode: 'at_once' } },
      { id: 'first', type: 'transform', config: { expression: '"hello"' } },
      { id: 'ask', type: 'agent', config: { prompt: 'say hello', tools: [], connection: 'scripted' } },
      { id: 'bad', type: 'http', config: { url: `${sink.origin}/bad/x` } },
      { id: 'never', type: 'transform', config: { expression: '1' } },
    ],
    edges: ['start > first', 'first > ask', 'ask > bad', 'bad > never'],
  });
  expect((await fetch(`${product.url}/hooks/counted-here`, { method: 'POST' })).status).toBe(202);
  expect((await fetch(`${product.url}/hooks/nobody`, { method: 'POST' })).status).toBe(404);
  const listed = await product.api<{ items: { id: string }[] }>('GET', `/api/runs?pipeline=${pipeline}`);
  expect(await ended(listed.items[0]?.id ?? '')).toBe('failed');

  const server = await ofServer();
  const of = (numbers: ReadonlyMap<string, number>, names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, numbers.get(`switchyard_${name}`)]));
  const begun = {
    'runs_started_total{trigger="webhook"}': 1,
    'steps_total{type="transform",outcome="succeeded"}': 1,
    'journal_seconds_count{call="start",answer="started"}': 1,
    'webhook_requests_total{status="202"}': 1,
    'webhook_requests_total{status="404"}': 1,
  };
  expect(of(server, Object.keys(begun))).toEqual(begun);
  const worked = {
    'runs_ended_total{state="failed"}': 1,
    'steps_total{type="agent",outcome="succeeded"}': 1,
    'steps_total{type="http",outcome="failed"}': 1,
    'journal_seconds_count{call="claim",answer="claimed"}': 1,
    'model_turns_total{outcome="finished"}': 1,
    'model_tokens_total{kind="completion"}': 'hello'.length + 1, // a character is a token there, and so is the end
    take_overs_total: 0,
  };
  const worker = await ofWorker();
  expect(of(worker, Object.keys(worked))).toEqual(worked);
  expect(worker.get('switchyard_sweeps_total{answer="done"}')).toBeGreaterThan(0);
  expect(worker.get('switchyard_journal_seconds_count{call="append",answer="done"}')).toBeGreaterThan(2);
}, 90_000);

it('a step of a worker that was killed is counted as taken over by the next one', async () => {
  const pipeline = await publish('taken over', {
    nodes: [
      { id: 'start', type: 'trigger.manual' },
      { id: 'call', type: 'http', config: { url: `${sink.origin}/hang/later`, timeoutSeconds: 60 } },
    ],
    edges: ['start > call'],
  });
  const run = await start(pipeline);
  await until('the request is out', 30_000, () => (sink.of('later').length > 0 ? true : undefined));
  product.kill('worker');
  const taken = await until('a take-over', 60_000, async () => {
    const numbers = await ofWorker().catch(() => null); // it is starting
    return numbers?.get('switchyard_take_overs_total') || undefined;
  });
  expect(taken).toBe(1);
  await product.api('POST', `/api/runs/${run}/cancel`);
  expect(await ended(run)).toBe('cancelled');
}, 120_000);

it('who shows no key reads no numbers of the server, and no id stands in any label', async () => {
  expect((await fetch(`${product.url}/metrics`)).status).toBe(401);
  const names = [...(await ofServer()).keys(), ...(await ofWorker()).keys()];
  const words = names.flatMap((name) => [...name.matchAll(/="([^"]*)"/g)].map((found) => found[1] ?? ''));
  expect(words.length).toBeGreaterThan(20);
  expect(words.filter((word) => !/^([a-z][a-z_.]*|\+Inf|[\d.]+)$/.test(word))).toEqual([]);
});
