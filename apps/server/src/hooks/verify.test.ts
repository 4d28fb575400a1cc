import { createHmac } from 'node:crypto';
import { sign as githubSign } from '@octokit/webhooks-methods';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { draw } from '../../../../test/harness/workshop.ts';
import { startTestServer, type TestServer } from '../testing/test-server.ts';

/* W12 and abuse 14: what is signed is verified on its raw bytes, before a row is written. */

const SECRET = 'the-signing-secret-of-a-test';
const OLD = 'the-secret-before-this-one';
const STANDARD = `whsec_${Buffer.from(SECRET).toString('base64')}`;
const BODY = '{ "id":"evt_1",  "odd" : "spaces" }';
const SCHEMES = ['github', 'stripe', 'slack', 'standard', 'hmac'] as const;
type Scheme = (typeof SCHEMES)[number];

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  const raw = { secrets: [SECRET, OLD] };
  const standard = { secrets: [STANDARD, `whsec_${Buffer.from(OLD).toString('base64')}`] };
  for (const scheme of SCHEMES) {
    const stored = await server.ask('PUT', `/api/credentials/${scheme}`, {
      body: scheme === 'standard' ? standard : raw,
    });
    expect(stored.status).toBe(204);
    await server.publish(scheme, signedBy(scheme));
  }
});
afterAll(() => server.close());

const signedBy = (scheme: Scheme, more: object = {}) =>
  draw({
    nodes: [
      JSON.parse(
        JSON.stringify({
          id: 'hook',
          type: 'trigger.webhook',
          config: {
            token: `by-${scheme}`,
            verify: scheme,
            credential: scheme,
            timestampHeader: 'X-Timestamp',
            ...more,
          },
        }),
      ),
      { id: 'act', type: 'code', config: { code: 'return 1', input: {} } },
    ],
    edges: ['hook > act'],
  });

const now = (): number => Math.floor(Date.now() / 1000);
const hmac = (secret: string, bytes: string, encoding: 'hex' | 'base64' = 'hex') =>
  createHmac('sha256', secret).update(bytes).digest(encoding);

/** Headers as the sender of a scheme makes them. */
async function headersOf(
  scheme: Scheme,
  { secret = SECRET, at = now() }: { readonly secret?: string; readonly at?: number } = {},
): Promise<Record<string, string>> {
  const id = `d-${at}-${Math.random()}`;
  switch (scheme) {
    case 'github':
      return { 'x-hub-signature-256': await githubSign(secret, BODY), 'x-github-delivery': id };
    case 'stripe':
      return {
        'stripe-signature': `t=${at},v1=${hmac('another-secret', `${at}.${BODY}`)},v1=${hmac(secret, `${at}.${BODY}`)},v0=old`,
      };
    case 'slack':
      return { 'x-slack-request-timestamp': String(at), 'x-slack-signature': `v0=${hmac(secret, `v0:${at}:${BODY}`)}` };
    case 'standard': {
      const sender = new Webhook(Buffer.from(secret).toString('base64'));
      const signature = sender.sign(id, new Date(at * 1000), BODY);
      return { 'webhook-id': id, 'webhook-timestamp': String(at), 'webhook-signature': `v1,AAAA ${signature}` };
    }
    case 'hmac':
      return {
        'x-timestamp': String(at),
        'x-signature-256': `sha256=${hmac(secret, `${at}.${BODY}`)}`,
        'idempotency-key': id,
      };
  }
}

const post = (scheme: Scheme, headers: Record<string, string>, body = BODY) =>
  server.ask('POST', `/hooks/by-${scheme}`, { body, headers: { 'content-type': 'application/json', ...headers } });
const runs = async (): Promise<number> =>
  (await server.test.sql<{ n: number }>('select count(*)::int as n from run'))[0]?.n ?? -1;

describe.each(SCHEMES)('W12, abuse 14: %s', (scheme) => {
  it('takes what is signed with a secret of now, or of before while there are two', async () => {
    expect((await post(scheme, await headersOf(scheme))).status).toBe(202);
    expect((await post(scheme, await headersOf(scheme, { secret: OLD, at: now() - 1 }))).status).toBe(202);
  });

  it('refuses the rest before a run is written', async () => {
    const before = await runs();
    const good = await headersOf(scheme);
    const [signature = ''] = Object.keys(good).filter((name) => name.includes('signature'));
    const cases: [string, Record<string, string>, string?][] = [
      ['signature_missing', { 'content-type': 'application/json' }],
      ['signature_missing', { ...good, [signature]: '' }],
      ['signature_wrong', await headersOf(scheme, { secret: 'a-secret-of-somebody-else' })],
      ['signature_wrong', good, `${BODY} `],
      ['signature_wrong', good, JSON.stringify(JSON.parse(BODY))],
    ];
    if (scheme !== 'github') {
      cases.push(['signature_stale', await headersOf(scheme, { at: now() - 360 })]);
      cases.push(['signature_stale', await headersOf(scheme, { at: now() + 360 })]);
    }
    for (const [code, headers, body] of cases) {
      const answer = await post(scheme, headers, body);
      expect([answer.status, answer.json.error.code]).toEqual([401, code]);
    }
    expect(await runs()).toBe(before);
  });

  it('is one run for one delivery, and the same answer', async () => {
    const headers = await headersOf(scheme, { at: now() - 2 });
    const [first, second] = [await post(scheme, headers), await post(scheme, headers)];
    expect([second.status, second.json]).toEqual([first.status, first.json]);
  });

  it('fails closed: without its secret everybody is refused', async () => {
    const before = await runs();
    const kept = await server.database.catalog.credentials.get(scheme);
    expect((await server.ask('DELETE', `/api/credentials/${scheme}`)).status).toBe(204);
    const answer = await post(scheme, await headersOf(scheme));
    expect([answer.status, answer.json.error.code]).toEqual([401, 'secret_missing']);
    expect(await runs()).toBe(before);
    await server.database.catalog.credentials.set(scheme, kept);
  });
});

describe('signed webhooks', () => {
  it('a header that is not signed gives no second run to who repeats a request', async () => {
    const headers = await headersOf('stripe', { at: now() - 3 });
    const first = await post('stripe', headers);
    const again = await post('stripe', { ...headers, 'idempotency-key': 'another', 'webhook-id': 'another' });
    expect(again.json.runId).toBe(first.json.runId);
  });

  it('are not published without the name of a secret', async () => {
    const made = await server.ask('POST', '/api/pipelines', {
      body: {
        name: 'unsigned',
        document: { nodes: [{ id: 'hook', type: 'trigger.webhook', config: { token: 'no-name', verify: 'github' } }] },
      },
    });
    const answer = await server.ask('POST', `/api/pipelines/${made.json.id}/publish`, {
      headers: { 'if-match': '"1"' },
    });
    expect([answer.status, JSON.stringify(answer.json)]).toEqual([422, expect.stringContaining('secret_missing')]);
  });
});
