import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import type { Clock } from '@switchyard/agent';
import { expect, test } from 'vitest';
import { CANARY, Consumer, type ConsumerParts, type Job } from './consumer.ts';

const HINT = { runId: 'r', stepKey: 's', epoch: 0 };

/** A clock on which waiting takes no time. */
function fastClock(): Clock {
  let at = 0;
  return {
    now: () => at,
    elapsed: () => at,
    async sleep(ms, signal) {
      signal?.throwIfAborted();
      await turnOfTheLoop();
      at += ms;
    },
  };
}

/** A queue that gives its canaries to the consumer, unless that is deaf. */
function queueOf(given: { readonly deaf: (nth: number) => boolean; readonly answers?: () => boolean }) {
  const warnings: string[] = [];
  const closed: number[] = [];
  const clock = fastClock();
  let made = 0;
  let process: ((job: Job) => Promise<void>) | null = null;
  const parts: ConsumerParts = {
    clock,
    warn: (message) => warnings.push(message),
    addCanary: async () => {
      if (given.answers?.() === false) return false;
      if (!given.deaf(made)) await process?.({ name: CANARY, data: HINT });
      return true;
    },
    start: (taking) => {
      made += 1;
      const nth = made;
      process = taking;
      return { pause: () => {}, close: async () => void closed.push(nth) };
    },
  };
  return { parts, clock, closed, warnings, made: () => made, give: () => process?.({ name: 'step', data: HINT }) };
}

const until = async (clock: Clock, ms: number) => {
  while (clock.elapsed() < ms) await turnOfTheLoop();
};

test('Q2: a consumer that hears nothing although the queue answers is made anew, once', async () => {
  const queue = queueOf({ deaf: (nth) => nth === 1 });
  const consumer = new Consumer(async () => {}, 1, queue.parts);
  expect(consumer.hears()).toBe(true);
  await until(queue.clock, 60_000);
  expect(queue.made()).toBe(2);
  expect(queue.closed).toEqual([1]);
  expect(queue.warnings).toEqual([expect.stringContaining('made anew')]);
  expect(consumer.hears()).toBe(true);
  await consumer.close();
});

test('Q1: while the queue does not answer nothing is made anew, and the worker says that it hears nothing', async () => {
  let answers = false;
  const queue = queueOf({ deaf: () => !answers, answers: () => answers });
  const consumer = new Consumer(async () => {}, 1, queue.parts);
  await until(queue.clock, 60_000);
  expect([queue.made(), consumer.hears()]).toEqual([1, false]);
  answers = true;
  await until(queue.clock, 70_000);
  expect([queue.made(), consumer.hears()]).toEqual([1, true]);
  await consumer.close();
});

test('full hands are not deaf: a step may take an hour', async () => {
  const queue = queueOf({ deaf: () => true });
  let done = () => {};
  const consumer = new Consumer(() => new Promise<void>((resolve) => (done = resolve)), 1, queue.parts);
  void queue.give();
  await until(queue.clock, 3_600_000);
  expect([queue.made(), consumer.hears()]).toEqual([1, true]);
  done();
  await consumer.close();
});
