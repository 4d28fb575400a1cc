import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../testing/test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const manual = { id: 'start', type: 'trigger.manual', config: {} };

it.each([
  ['a hidden field of a node', { nodes: [{ ...manual, code: 'process.exit()' }] }, 'nodes'],
  ['a hidden field of the document', { nodes: [manual], code: 'process.exit()' }, 'code'],
  [
    'a hidden field of an edge',
    {
      nodes: [manual],
      edges: [{ id: 'e', from: { node: 'start', port: 'out', code: '1' }, to: { node: 'start', port: 'in' } }],
    },
    'edges',
  ],
])('abuse 2: %s is refused with its path, and nothing is stored', async (_, document, path) => {
  const before = (await server.database.catalog.pipelines.list({ limit: 200 })).rows.length;
  const answer = await server.ask('POST', '/api/pipelines', { body: { name: 'hidden', document } });
  expect([400, 422]).toContain(answer.status);
  expect(JSON.stringify(answer.json)).toContain(path);
  expect((await server.database.catalog.pipelines.list({ limit: 200 })).rows.length).toBe(before);
});

it('abuse 2: a step of an unknown type may be drawn but is never published', async () => {
  const document = { nodes: [manual, { id: 'evil', type: 'shell', config: { code: 'rm' } }], edges: [] };
  const made = await server.ask('POST', '/api/pipelines', { body: { name: 'unknown type', document } });
  if (made.status !== 201) return expect([400, 422]).toContain(made.status);
  const published = await server.ask('POST', `/api/pipelines/${made.json.id}/publish`, {
    headers: { 'if-match': '"1"' },
  });
  expect(published.status).toBe(422);
  expect(JSON.stringify(published.json)).toContain('evil');
});
