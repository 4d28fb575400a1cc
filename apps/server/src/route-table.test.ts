import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkTable, ROUTES } from './route-table.ts';
import { startTestServer, type TestServer } from './testing/test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const methodOf = (method: string): string => (method === 'all' ? 'POST' : method.toUpperCase());
const UUID = '00000000-0000-7000-8000-00000000ffff';
const pathOf = (path: string): string =>
  path
    .replace(':sha256', 'a'.repeat(64))
    .replace(':id', UUID)
    .replace(/[:*]\w+/g, 'something');

describe('the route table', () => {
  it('is complete, and a server with a hole in it does not start', () => {
    expect(ROUTES.length).toBeGreaterThan(25);
    expect(() => checkTable(ROUTES)).not.toThrow();
    const [first] = ROUTES;
    for (const field of ['auth', 'permission', 'scope', 'summary', 'answer'] as const)
      expect(() => checkTable([{ ...first!, [field]: undefined }])).toThrow(/route table: get \/health/);
    expect(() => checkTable([{ ...first!, path: '/api/open' }])).toThrow(/list of public paths/);
    expect(() => checkTable([first!, first!])).toThrow(/stands there twice/);
  });

  it.each(ROUTES.map((one) => [`${one.method} ${one.path}`, one] as const))('guards %s', async (_name, one) => {
    const [method, path] = [methodOf(one.method), pathOf(one.path)];
    const foreignHost = await server.ask(method, path, { headers: { host: `evil.test:${server.port}` } });
    const foreignPage = await server.ask(method, path, { headers: { origin: 'http://evil.test' } });
    const opaquePage = await server.ask(method, path, { headers: { origin: 'null' } });
    if (one.auth === 'token') {
      for (const answer of [foreignHost, foreignPage, opaquePage])
        expect(answer.json.error.code).toBe(one.path.startsWith('/hooks/') ? 'unknown_hook' : 'unknown_link');
      return;
    }
    expect([foreignHost.status, foreignHost.json.error.code]).toEqual([403, 'wrong_host']);
    expect([foreignPage.status, foreignPage.json.error.code]).toEqual([403, 'wrong_origin']);
    expect([opaquePage.status, opaquePage.json.error.code]).toEqual([403, 'wrong_origin']);
    for (const answer of [foreignHost, foreignPage])
      expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    if (one.auth !== 'key') return;
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: 'Basic eDp5' }] as Record<
      string,
      string
    >[]) {
      const answer = await server.ask(method, path, { headers });
      expect([answer.status, answer.json.error.code]).toEqual([401, 'invalid_api_key']);
    }
  });

  it('has no side doors: only the paths of the table lead anywhere', async () => {
    const tricks = [
      ...['/api//session', '//api/session', '/API/session', '/api/session/', '/api/session;a', '/api/%2e/session'],
      ...['/x/../api/keys', '/api/pipelines/../keys', '/api/keys.json', '/v1/../api/keys', '/health/', '/demo'],
    ];
    for (const path of tricks) {
      const answer = await server.ask('GET', path);
      const isPage = answer.status === 200 && (answer.headers['content-type'] ?? '').startsWith('text/html');
      expect([path, answer.status === 404 || answer.status === 400 || isPage || answer.status === 401]).toEqual([
        path,
        true,
      ]);
      expect(answer.text).not.toContain('"items"');
    }
    const overridden = await server.ask('GET', '/api/keys', { headers: { 'x-http-method-override': 'DELETE' } });
    expect(overridden.json.items).toEqual([]);
    const forwarded = { host: 'evil.test', 'x-forwarded-host': `127.0.0.1:${server.port}` };
    expect((await server.ask('GET', '/api/session', { headers: forwarded })).status).toBe(403);
  });

  it('answers under its own names and no others', async () => {
    for (const host of ['127.0.0.1', 'localhost', '[::1]'])
      expect((await server.ask('GET', '/api/session', { headers: { host: `${host}:${server.port}` } })).status).toBe(
        200,
      );
    expect((await server.ask('GET', '/api/session', { headers: { host: 'proxy.test:81' } })).status).toBe(403);
    expect((await server.ask('GET', '/demo/', { headers: { host: 'proxy.test:81' } })).status).toBe(200);
    const own = { origin: `http://localhost:${server.port}` };
    expect((await server.ask('GET', '/api/session', { headers: own })).status).toBe(200);
  });

  it('documents itself', async () => {
    const { json } = await server.ask('GET', '/api/openapi.json');
    expect(json.openapi).toBe('3.1.0');
    for (const one of ROUTES) expect(json.paths).toHaveProperty([one.path.replace(/[:*](\w+)/g, '{$1}')]);
    expect(json.paths['/api/pipelines'].post.requestBody.content['application/json'].schema.required).toEqual(['name']);
    expect(json.paths['/v1/models'].get.security).toEqual([{ apiKey: [] }]);
  });

  it('sends safe headers with everything, errors too', async () => {
    for (const path of ['/api/session', '/nothing.js', '/pipelines', '/api/nothing']) {
      const { headers } = await server.ask('GET', path);
      expect(headers['content-security-policy']).toContain("default-src 'self'");
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['x-powered-by']).toBeUndefined();
      expect(headers['x-request-id']).toMatch(/^[0-9a-f]{16}$/);
    }
  });
});
