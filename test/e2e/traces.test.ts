import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Product, startProduct, until } from '../harness/product.ts';
import { type ScriptedModel, startScriptedModel } from '../harness/scripted-model.ts';
import { draw } from '../harness/workshop.ts';

/* A collector of our own gets the trace of a run from the real processes. */

type Got = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, string> }[];
};

let product: Product;
let model: ScriptedModel;
let collector: Server;
const bodies: string[] = [];
let refusals = 1;
beforeAll(async () => {
  model = await startScriptedModel((request) =>
    request.messages.some((message) => message.role === 'tool')
      ? { text: 'secret answer' }
      : { calls: [{ name: 'run_code', arguments: '{"code":"6*7"}' }] },
  );
  collector = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      if (request.url !== '/v1/traces' || refusals-- > 0) return void response.writeHead(503).end();
      bodies.push(body);
      response.end('{}');
    });
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  const { port } = collector.address() as AddressInfo;
  product = await startProduct({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` } });
}, 120_000);
afterAll(async () => {
  await product?.stop();
  collector?.closeAllConnections();
  collector?.close();
  await model?.close();
});

it('a run is one trace: run, step, turn, tool, without what was said; a refusal of the collector is tried again', async () => {
  await product.api('POST', '/api/connections', {
    name: 'scripted',
    dialect: 'kimi',
    baseUrl: model.baseUrl,
    modelId: 'scripted',
  });
  const document = draw({
    nodes: [
      { id: 'start', type: 'trigger.manual' },
      { id: 'ask', type: 'agent', config: { prompt: 'secret task', tools: ['run_code'], connection: 'scripted' } },
      { id: 'bad', type: 'transform', config: { expression: 'run.input.nothing.here' } },
    ],
    edges: ['start > ask', 'ask > bad'],
  });
  const { id } = await product.api<{ id: string }>('POST', '/api/pipelines', { name: 'traced', document });
  await product.api('POST', `/api/pipelines/${id}/publish`, undefined, { 'if-match': '"1"' });
  await product.api('POST', `/api/pipelines/${id}/runs`, { source: 'published', input: {} });
  const body = await until('a trace', 30_000, () => bodies[0]);

  const sent = JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: Got[] }[] }[] };
  const spans = sent.resourceSpans.flatMap((one) => one.scopeSpans.flatMap((scope) => scope.spans));
  const nameOf = new Map(spans.map((span) => [span.spanId, span.name]));
  const lines = spans.map((span) => `${nameOf.get(span.parentSpanId ?? '') ?? ''} > ${span.name}`).sort();
  expect(lines).toEqual([
    ' > invoke_workflow',
    'chat > execute_tool run_code',
    'invoke_agent ask > chat',
    'invoke_agent ask > chat',
    'invoke_workflow > bad',
    'invoke_workflow > invoke_agent ask',
  ]);
  expect(nameOf.size).toBe(spans.length);
  expect(new Set(spans.map((span) => span.traceId)).size).toBe(1);
  for (const span of spans) expect(BigInt(span.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(span.startTimeUnixNano));
  const facts = (name: string) =>
    Object.fromEntries(
      spans.find((span) => span.name === name)?.attributes.map(({ key, value }) => [key, Object.values(value)[0]]) ??
        [],
    );
  expect(facts('chat')).toMatchObject({
    'gen_ai.operation.name': 'chat',
    'gen_ai.usage.output_tokens': expect.stringMatching(/^\d+$/),
  });
  expect(facts('bad')['error.type']).toBeTruthy();
  expect(body).not.toMatch(/secret|6\*7/);
}, 60_000);
