import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../../test/harness/database.ts';
import { draw } from '../../../../test/harness/workshop.ts';
import { startTestServer, type TestServer } from '../testing/test-server.ts';
import { nextFires } from './next-fires.ts';
import { tick } from './tick.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const every = (cron: string) =>
  draw({
    nodes: [
      { id: 'clock', type: 'trigger.schedule', config: { cron, timezone: 'Europe/Berlin' } },
      { id: 'act', type: 'transform', config: { expression: 'run.input.scheduledFor' } },
    ],
    edges: ['clock > act'],
  });

describe('schedules', () => {
  it('plan their next time in their own zone', () => {
    const fires = nextFires({ cron: '30 9 * * *', timezone: 'Asia/Tokyo', everySeconds: null }, new Date(0), 3);
    expect(fires).toHaveLength(3);
    for (const at of fires) expect(at.toISOString()).toMatch(/T00:30:00\.000Z$/);
    expect(nextFires({ cron: 'never', timezone: 'UTC', everySeconds: null }, new Date(0), 1)).toEqual([]);
  });

  it('fire once when due, however many servers tick, and once for all times missed', async () => {
    const id = await server.publish('at noon', every('0 12 1 1 *'));
    await tick(server.serving.services);
    const [planned] = (await server.ask('GET', `/api/schedules?pipeline=${id}`)).json.items;
    expect(planned.nextFire).toMatch(/-01-01T11:00:00\.000Z$/);
    expect(planned.next).toHaveLength(10);
    await server.test.sql(
      `update schedule set next_fire = date_trunc('second', now()) - interval '3 years' where pipeline_id = $1`,
      [id],
    );
    await Promise.all([1, 2, 3].map(() => tick(server.serving.services)));
    const runs = await eventually('the firing', async () => {
      const { json } = await server.ask('GET', `/api/runs?pipeline=${id}`);
      return json.items.length > 0 ? json.items : null;
    });
    expect(runs.map((run: { trigger: string }) => run.trigger)).toEqual(['schedule']);
    const [after] = (await server.ask('GET', `/api/schedules?pipeline=${id}`)).json.items;
    expect(after.nextFire).toBe(planned.nextFire);
  });

  it('fire by themselves, second after second', async () => {
    const id = await server.publish('each second', every('* * * * * *'));
    await eventually('two firings', async () => {
      const { json } = await server.ask('GET', `/api/runs?pipeline=${id}`);
      return json.items.length >= 2 ? json.items : null;
    });
    expect(server.warnings).toEqual([]);
  });
});
