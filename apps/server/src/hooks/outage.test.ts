import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/harness/database.ts';
import { type FaultProxy, startFaultProxy } from '../../../../test/harness/fault-proxy.ts';
import { draw } from '../../../../test/harness/workshop.ts';
import { startTestServer, type TestServer } from '../testing/test-server.ts';

/* What callers of webhooks see while the database is slow, torn off or gone: a 2xx is always a run, a refusal says to try again. */

let test: TestDatabase;
let proxy: FaultProxy;
let server: TestServer;
beforeAll(async () => {
  test = await createTestDatabase();
  proxy = await startFaultProxy(test.url);
  server = await startTestServer({ url: proxy.url });
  await server.publish(
    'reached',
    draw({
      nodes: [
        { id: 'hook', type: 'trigger.webhook', config: { token: 'reached' } },
        { id: 'act', type: 'code', config: { code: 'return 1', input: {} } },
      ],
      edges: ['hook > act'],
    }),
  );
});
afterAll(async () => {
  proxy.heal();
  await server.close();
  await proxy.close();
  await test.drop();
});

const post = (key: string) => server.ask('POST', '/hooks/reached', { body: {}, headers: { 'idempotency-key': key } });
const runsOf = async (key: string): Promise<number> =>
  (await test.sql(`select from run where dedup_key like '%' || $1`, [`:${key}`])).length;

describe('webhooks and a database in trouble', () => {
  it('W10: with slow Postgres, 500 requests at once: each 2xx has its run in the journal by then', async () => {
    proxy.inject({ verb: 'delay', ms: 5, towards: 'server' });
    const answers = await Promise.all(
      Array.from({ length: 500 }, async (_, i) => {
        const { status, json } = await post(`slow-${i}`);
        return { status, runs: (await test.sql('select from run where id = $1', [json.runId])).length };
      }),
    );
    proxy.heal();
    expect(proxy.fired.delay).toBeGreaterThan(0);
    expect(answers.filter(({ status, runs }) => status !== 202 || runs !== 1)).toEqual([]);
  }, 60_000);

  it('W10: an answer of the database that is lost is asked for again, and is one run', async () => {
    proxy.inject({ verb: 'cut', after: 0, towards: 'client', when: 'start_run' });
    const { status } = await post('torn');
    proxy.heal();
    expect([status, await runsOf('torn')]).toEqual([202, 1]);
  }, 60_000);

  it('a database that does not answer is 503 with Retry-After, never a 2xx; the same delivery later is one run', async () => {
    proxy.inject({ verb: 'stall' });
    const refused = await post('stalled');
    expect([refused.status, refused.json.error.code, refused.headers['retry-after']]).toEqual([
      503,
      'database_unavailable',
      '1',
    ]);
    proxy.heal();
    const { status } = await post('stalled');
    expect([status, await runsOf('stalled')]).toEqual([202, 1]);
  }, 60_000);
});
