import { randomUUID } from 'node:crypto';
import { createPostgresBackend, createRedisBackend, withBackend } from 'bullmq';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '../../../test/harness/database.ts';
import { BACK_ENDS, draw, openWorkshop, told, type Workshop } from '../../../test/harness/workshop.ts';
import { jobId, QUEUE_NAME } from './dispatch.ts';

const start = { id: 'start', type: 'trigger.manual' };
const transform = (id: string, expression: string) => ({ id, type: 'transform', config: { expression } });

/** So many steps in a line, pure ones, and every fiftieth runs code. */
const line = (steps: number) => {
  const ids = Array.from({ length: steps }, (_, i) => `s${i + 1}`);
  const nodes = ids.map((id, i) => {
    const before = i === 0 ? 'run.input.n' : `steps.s${i}.output`;
    return (i + 1) % 50 === 0
      ? { id, type: 'code', config: { code: 'return input.n + 1;', input: { n: `{{ ${before} }}` } } }
      : transform(id, `${before} + 1.0`);
  });
  return draw({ nodes: [start, ...nodes], edges: ids.map((id, i) => `${i === 0 ? 'start' : `s${i}`} > ${id}`) });
};

/**
 * A hand in the queue, and what QueueEvents tells of it from its beginning. It is read when the queue is at rest: on Postgres
 * BullMQ reads "ids after the last one", so a reader that keeps up loses events of transactions that overlapped.
 */
const watchQueue = (shop: Workshop) => {
  const parts = shop.redisUrl === undefined ? onPostgres(shop) : onRedis(shop, shop.redisUrl);
  const { queue } = parts;
  return {
    queue,
    /** Ids of all jobs added and completed so far. */
    told: async () => {
      const added: string[] = [];
      const completed: string[] = [];
      const last = `last ${randomUUID()}`;
      await queue.pause(); // so that nobody takes the mark
      await queue.add('mark', {}, { jobId: last });
      const events = parts.openEvents();
      const read = new Promise<void>((resolve) => {
        events.on('added', ({ jobId }) => (jobId === last ? resolve() : added.push(jobId)));
        events.on('completed', ({ jobId }) => completed.push(jobId));
      });
      await read;
      await queue.remove(last);
      await queue.resume();
      await events.close();
      const real = (id: string) => !id.startsWith('last ') && !id.startsWith('canary.');
      return { added: added.filter(real), completed: completed.filter(real) };
    },
    close: async () => {
      await queue.close();
      await parts.end();
    },
  };
};
const onPostgres = (shop: Workshop) => {
  const pool = shop.database.queuePool();
  const { Queue, QueueEvents } = withBackend(createPostgresBackend);
  return {
    openEvents: () => new QueueEvents(QUEUE_NAME, { connection: pool, lastEventId: '0' }),
    queue: new Queue(QUEUE_NAME, { connection: pool }),
    end: () => pool.end(),
  };
};
const onRedis = (shop: Workshop, url: string) => {
  const connection = new Redis(url, { maxRetriesPerRequest: null });
  const { Queue, QueueEvents } = withBackend(createRedisBackend);
  const options = { connection, prefix: shop.prefix };
  return {
    openEvents: () => new QueueEvents(QUEUE_NAME, { ...options, lastEventId: '0' }),
    queue: new Queue(QUEUE_NAME, options),
    end: async () => connection.disconnect(),
  };
};

describe.each(BACK_ENDS)('the queue on %s', (backEnd) => {
  let shop: Workshop;
  let watch: ReturnType<typeof watchQueue>;

  beforeEach(async () => {
    shop = await openWorkshop(backEnd);
    await shop.dispatch(); // makes BullMQ's own tables
    watch = watchQueue(shop);
  });
  afterEach(async () => {
    await watch.close();
    await shop.close();
  });

  const atRest = () =>
    eventually('the queue is at rest', async () =>
      (await watch.queue.getJobCountByTypes('waiting', 'active', 'delayed', 'prioritized', 'completed', 'failed')) === 0
        ? true
        : null,
    );

  test('with the fast path off, 300 steps are exactly 300 jobs', async () => {
    await shop.worker({ fastPath: false });
    const run = await shop.start(line(300), { n: 0 });
    const events = await shop.events(run);
    expect(events.at(-1)).toMatchObject({ kind: 'run.succeeded', data: { output: { inline: 300 } } });
    await atRest();
    const wanted = Array.from({ length: 300 }, (_, i) => jobId({ runId: run, stepKey: `s${i + 1}`, epoch: 0 }, 0));
    const told = await watch.told();
    expect(told.added.toSorted()).toEqual(wanted.toSorted());
    expect(told.completed.toSorted()).toEqual(wanted.toSorted());
  }, 120_000);

  test('the fast path writes the same journal with one job', async () => {
    const slow = await shop.worker({ fastPath: false });
    const off = await shop.events(await shop.start(line(60), { n: 0 }));
    await slow.stop();
    await atRest();
    const before = (await watch.told()).added.length;
    await shop.worker({ fastPath: true });
    const on = await shop.events(await shop.start(line(60), { n: 0 }));
    expect(told(on)).toEqual(told(off));
    await atRest();
    expect((await watch.told()).added.length - before).toBe(1);
  });

  test('with no consumer nothing runs', async () => {
    const dispatch = await shop.dispatch();
    const run = await shop.start(line(3), { n: 0 });
    await dispatch.ring([{ runId: run, stepKey: 's1', epoch: 0 }]);
    await eventually('a job in line', async () => ((await watch.queue.getWaitingCount()) === 1 ? true : null));
    // Neither the bell nor a sweep does anything by itself: the sweep only names what is due.
    const session = await shop.database.registerWorker({ build: 'test' });
    const named = await eventually('the sweep names it', async () =>
      (await session.sweep()).length > 0 ? true : null,
    );
    await session.close();
    expect(named).toBe(true);
    expect((await shop.database.journal.events(run, { after: 0 })).map((event) => event.kind)).toEqual(['run.started']);
    expect((await watch.told()).completed).toEqual([]);
  });

  test('a repeated ring adds nothing while the first job waits, and rings past one in somebody’s hands', async () => {
    const dispatch = await shop.dispatch();
    const hint = { runId: '00000000-0000-7000-8000-0000000000aa', stepKey: 'loop[3]/fetch', epoch: 2 };
    await dispatch.ring([hint]);
    expect(await dispatch.ringAgain([hint])).toEqual([]);
    expect(await watch.queue.getWaitingCount()).toBe(1);

    let letGo = () => {};
    const taken = new Promise<void>((resolve) => {
      dispatch.consume(async () => {
        resolve();
        await new Promise<void>((done) => (letGo = done));
      }, 1);
    });
    await taken;
    expect(await dispatch.ringAgain([hint])).toEqual([hint]);
    await dispatch.insist([hint]);
    const waiting = await watch.queue.getWaiting();
    expect(waiting.filter((job) => job.name === 'step')).toHaveLength(1);
    letGo();
  });

  test('a job that was lost is rung again', async () => {
    const run = await shop.start(line(2), { n: 0 });
    const dispatch = await shop.dispatch();
    await dispatch.ring([{ runId: run, stepKey: 's1', epoch: 0 }]);
    await watch.queue.obliterate({ force: true });
    expect(await watch.queue.getWaitingCount()).toBe(0);
    await shop.worker();
    expect((await shop.events(run)).at(-1)?.kind).toBe('run.succeeded');
  });

  test('doubled hints start a step once', async () => {
    const run = await shop.start(
      draw({ nodes: [start, { id: 'work', type: 'code', config: { code: 'return 1;' } }], edges: ['start > work'] }),
    );
    const dispatch = await shop.dispatch();
    const hint = { runId: run, stepKey: 'work', epoch: 0 };
    await dispatch.ring([hint]);
    for (let i = 0; i < 5; i++) await dispatch.insist([hint]);
    await shop.worker();
    await shop.worker();
    const events = await shop.events(run);
    await eventually('all jobs are gone', async () =>
      (await watch.queue.getJobCountByTypes('waiting', 'active')) === 0 ? true : null,
    );
    expect(events.filter((event) => event.kind === 'step.started')).toHaveLength(1);
    expect(shop.warnings).toEqual([]);
  });
});
