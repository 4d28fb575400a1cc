import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../../test/harness/database.ts';
import { draw } from '../../../../test/harness/workshop.ts';
import { startTestServer, type TestServer } from '../testing/test-server.ts';
import { nextFires } from './next-fires.ts';
import { createTicker } from './tick.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const NEVER_SOON = '0 12 1 1 *';
type Config = Readonly<Record<string, string | number>>;
/** A pipeline whose run waits for a worker that never comes, so its runs go on for as long as the test wants. */
const clocked = (config: Config) =>
  draw({
    nodes: [
      { id: 'clock', type: 'trigger.schedule', config: { timezone: 'Europe/Berlin', ...config } },
      { id: 'act', type: 'code', config: { code: 'return 1', input: {} } },
    ],
    edges: ['clock > act'],
  });

type Firing = {
  readonly fireAt: string;
  readonly outcome: string;
  readonly runId: string | null;
  readonly detail: string | null;
};
/** A published schedule, its clock in the test's hand: `at` says that its next time is so many seconds ago. */
async function scheduled(name: string, config: Config) {
  const pipelineId = await server.publish(name, clocked(config));
  const tick = () => createTicker(server.serving.services).tick();
  await tick();
  const row = async () => (await server.ask('GET', `/api/schedules?pipeline=${pipelineId}`)).json.items[0];
  const { id } = await row();
  return {
    id,
    pipelineId,
    row,
    tick,
    due: (secondsAgo: number) =>
      server.test.sql(
        `update schedule set next_fire = date_trunc('minute', now() - interval '30 s') - $2 * interval '1 s' where id = $1`,
        [id, secondsAgo],
      ),
    firings: async (): Promise<readonly Firing[]> =>
      (await server.ask('GET', `/api/schedules/${id}/firings?limit=500`)).json.items,
    runs: async () => (await server.ask('GET', `/api/runs?pipeline=${pipelineId}&limit=200`)).json.items,
  };
}

const outcomes = (firings: readonly Firing[]) => firings.map((firing) => firing.outcome);

describe('schedules', () => {
  it('plan their next ten times in their own zone', async () => {
    const fires = nextFires({ cron: '30 9 * * *', timezone: 'Asia/Tokyo', everySeconds: null }, new Date(0), 3);
    for (const at of fires) expect(at.toISOString()).toMatch(/T00:30:00\.000Z$/);
    const { row } = await scheduled('at noon', { cron: NEVER_SOON });
    expect(await row()).toMatchObject({
      timezone: 'Europe/Berlin',
      nextFire: expect.stringMatching(/-01-01T11:00:00\.000Z$/),
    });
    expect((await row()).next).toHaveLength(10);
  });

  it('C11: one time is one run, however many servers tick', async () => {
    const { due, tick, runs, firings } = await scheduled('one of three', { cron: NEVER_SOON });
    await due(0);
    await Promise.all([tick(), tick(), tick()]);
    expect((await runs()).map((run: { trigger: string }) => run.trigger)).toEqual(['schedule']);
    expect(outcomes(await firings())).toEqual(['fired']);
  });

  it('tell their run the exact time they were due', async () => {
    const { due, tick, runs, firings } = await scheduled('exact', { everySeconds: 60 });
    await due(0);
    await tick();
    const [run] = await runs();
    const { json } = await server.ask('GET', `/api/runs/${run.id}/events`);
    const [{ fireAt }] = (await firings()) as [Firing];
    expect(json.events[0].data).toMatchObject({
      input: { inline: { scheduledFor: fireAt } },
      trigger: { kind: 'schedule' },
    });
    expect(fireAt).toMatch(/:00\.000Z$/);
  });

  it('C10: fire by themselves, once a second, second after second', async () => {
    const { runs, firings } = await scheduled('each second', { cron: '* * * * * *' });
    await eventually('three firings', async () => ((await runs()).length >= 3 ? true : null));
    const times = (await firings()).map((firing) => Date.parse(firing.fireAt) / 1000).reverse();
    expect(times).toEqual(times.map((_, i) => (times[0] ?? 0) + i));
    expect(server.warnings).toEqual([]);
  });

  it('C9: a tick that comes six seconds late fires what it slept over', async () => {
    const { runs, firings } = await scheduled('slept over', { cron: '* * * * * *', missed: 'skip' });
    await eventually('a firing', async () => ((await runs()).length >= 1 ? true : null));
    const until = Date.now() + 6_000;
    while (Date.now() < until); // the event loop stands still
    const before = (await firings()).length;
    await eventually('the times slept over', async () => ((await firings()).length >= before + 7 ? true : null));
    const times = (await firings()).map((firing) => Date.parse(firing.fireAt) / 1000).reverse();
    expect(times).toEqual(times.map((_, i) => (times[0] ?? 0) + i));
    expect(new Set(outcomes(await firings()))).toEqual(new Set(['fired']));
  });

  it.each([
    ['skip', ['missed', 'missed', 'missed']],
    ['last', ['fired', 'missed', 'missed']],
    ['all', ['fired', 'fired', 'fired']],
  ] as const)(
    'C9: of three weekly times missed, %s fires what it says, and each is listed',
    async (missed, expected) => {
      const { id, tick, firings, runs, row } = await scheduled(`missed ${missed}`, {
        everySeconds: 7 * 86_400,
        missed,
      });
      await server.test.sql(
        `update schedule set next_fire = to_timestamp(floor(extract(epoch from now()) / 604800) * 604800 - 2 * 604800) where id = $1`,
        [id],
      );
      await tick();
      expect(outcomes(await firings())).toEqual(expected);
      expect(await runs()).toHaveLength(expected.filter((outcome) => outcome === 'fired').length);
      expect(Date.parse((await row()).nextFire)).toBeGreaterThan(Date.now());
    },
  );

  it('C14: after three years asleep, a schedule of each second names a hundred times and says that there were more', async () => {
    const { due, tick, firings, row } = await scheduled('long asleep', { cron: '* * * * * *', missed: 'skip' });
    await server.ask('POST', `/api/schedules/${(await row()).id}/disable`);
    await due(3 * 365 * 86_400);
    await server.test.sql('update schedule set enabled = true where id = $1', [(await row()).id]);
    await tick();
    const missed = (await firings()).filter((firing) => firing.outcome === 'missed');
    expect(missed).toHaveLength(100);
    expect(missed.at(-1)?.detail).toMatch(/^and every time before it since /);
    await server.ask('POST', `/api/schedules/${(await row()).id}/disable`);
  });

  it('C14: the time a schedule is disabled is not missed', async () => {
    const { id, due, tick, firings, row } = await scheduled('switched off', { everySeconds: 3600 });
    expect((await server.ask('POST', `/api/schedules/${id}/disable`)).status).toBe(204);
    await due(3 * 3600);
    await tick();
    expect(await row()).toMatchObject({ enabled: false, next: [] });
    expect((await server.ask('POST', `/api/schedules/${id}/enable`)).status).toBe(204);
    await tick();
    expect(await firings()).toEqual([]);
    expect(Date.parse((await row()).nextFire)).toBeGreaterThan(Date.now());
    expect((await server.ask('POST', `/api/schedules/${server.database.catalog.projectId}/enable`)).status).toBe(404);
  });

  it.each([
    ['allow', ['fired', 'fired', 'fired'], 3],
    ['skip', ['skipped', 'skipped', 'fired'], 1],
    ['queue_one', ['skipped', 'queued', 'fired'], 1],
    ['cancel_running', ['fired', 'fired', 'fired'], 3],
  ] as const)('C14: overlap %s, each firing visible', async (overlap, expected, count) => {
    const { due, tick, firings, runs } = await scheduled(`overlap ${overlap}`, { cron: NEVER_SOON, overlap });
    for (const secondsAgo of [0, -1, -2]) {
      await due(secondsAgo);
      await tick();
    }
    expect(outcomes(await firings())).toEqual(expected);
    expect(await runs()).toHaveLength(count);
    if (overlap !== 'cancel_running') return;
    expect((await runs()).map((run: { state: string }) => run.state).sort()).toEqual([
      'cancelled',
      'cancelled',
      'running',
    ]);
    expect((await firings())[0]?.detail).toBe('cancelled 1 still running');
  });

  it('C14: a queued firing begins when the run before it has ended', async () => {
    const { due, tick, firings, runs } = await scheduled('in line', { cron: NEVER_SOON, overlap: 'queue_one' });
    for (const secondsAgo of [0, -1]) {
      await due(secondsAgo);
      await tick();
    }
    const [first] = await runs();
    await server.ask('POST', `/api/runs/${first.id}/cancel`, { body: {} });
    await Promise.all([tick(), tick()]);
    expect(outcomes(await firings())).toEqual(['fired', 'fired']);
    expect(await runs()).toHaveLength(2);
  });

  it('C12: fire the version that is published when they fire', async () => {
    const { pipelineId, due, tick, runs } = await scheduled('two versions', { cron: NEVER_SOON });
    const { json } = await server.ask('GET', `/api/pipelines/${pipelineId}`);
    const document = { ...json.document, notes: [{ id: 'n', text: 'second', position: { x: 0, y: 0 } }] };
    await server.ask('PUT', `/api/pipelines/${pipelineId}/draft`, {
      headers: { 'if-match': '"1"' },
      body: { document },
    });
    await server.ask('POST', `/api/pipelines/${pipelineId}/publish`, { headers: { 'if-match': '"2"' } });
    await due(0);
    await tick();
    expect((await runs())[0].revisionNumber).toBe(2);
  });

  it('C6: one that cannot be started holds up nobody, and is told of', async () => {
    const bad = await scheduled('bad', { cron: NEVER_SOON });
    const good = await scheduled('good', { cron: NEVER_SOON });
    await server.test.sql('update schedule set next_fire = null, cron = $2 where id = $1', [bad.id, '0 0 31 4 *']);
    const worse = await scheduled('worse', { cron: NEVER_SOON });
    await server.test.sql(`update schedule set node = 'gone' where id = $1`, [worse.id]);
    await worse.due(0);
    await good.due(0);
    await good.tick();
    expect(await good.runs()).toHaveLength(1);
    expect(server.warnings.join('\n')).toContain(worse.id);
    server.warnings.length = 0;
    await server.test.sql('delete from schedule where id = $1', [worse.id]);
  });
});
