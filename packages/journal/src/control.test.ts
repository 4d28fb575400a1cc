import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../test/harness/database.ts';
import {
  appendOf,
  claimFirst,
  type JournalBench,
  openJournalBench,
  startOf,
  startRun,
} from '../../../test/harness/journal.ts';
import type { WorkerSession } from './contract.ts';

let bench: JournalBench;
let worker: WorkerSession;

beforeAll(async () => {
  bench = await openJournalBench();
  worker = await bench.database.registerWorker({ build: 'test' });
});
afterAll(async () => {
  await worker.close();
  await bench.close();
});

const journal = () => bench.database.journal;
const kinds = async (runId: string) => (await journal().events(runId, { after: 0 })).map((event) => event.kind);

describe('cancel', () => {
  it('asks holders to stop and tells them at the next pulse', async () => {
    const runId = await startRun(bench, ['a', 'b']);
    await claimFirst(bench.database, runId, 'a', worker.id);
    expect((await bench.database.control.cancel({ runId, by: 'test' })).outcome).toBe('cancelling');
    expect((await bench.database.control.cancel({ runId, by: 'test' })).outcome).toBe('cancelling');
    const pulse = await worker.pulse();
    expect(pulse.outcome === 'alive' && pulse.held.find((step) => step.runId === runId)).toMatchObject({
      stepKey: 'a',
      epoch: 1,
      stop: true,
    });
    expect((await kinds(runId)).filter((kind) => kind === 'run.cancel_requested')).toHaveLength(1);
  });
});

describe('alarms', () => {
  const failed = { kind: 'run.failed', data: { failure: { code: 'x', message: 'x' } }, stepKey: null } as const;
  const alarmed = async () => (await bench.database.control.alarms(100)).map((alarm) => alarm.runId);
  /** A run whose only step a worker holds fails. */
  const fail = async (more: Parameters<typeof startOf>[2] = {}) => {
    const request = startOf(bench, ['a'], more);
    await journal().startRun(request);
    const me = await claimFirst(bench.database, request.runId, 'a', worker.id);
    const end = { version: 1, seen: 2, ownState: { state: 'failed' }, runState: 'failed' } as const;
    const step = { kind: 'step.failed', data: failed.data, stepKey: 'a' } as const;
    expect((await journal().append(appendOf(request.runId, me, [step, failed], end))).outcome).toBe('done');
    return request.runId;
  };

  it('are raised with the end of a run, once something listens, and not by the runs that answer them', async () => {
    const { pipelines } = bench.database.catalog;
    await fail();
    expect(await alarmed()).toEqual([]);
    const listener = await pipelines.create({
      name: 'listener',
      document: {
        format: 1,
        nodes: [{ id: 'alarm', type: 'trigger.error', config: {}, position: { x: 0, y: 0 }, onError: 'fail' }],
        edges: [],
        notes: [],
      },
    });
    await pipelines.publish({ id: listener.id, ifVersion: 1 });
    const first = await fail();
    const atOnce = startOf(bench, [], { events: [failed], runState: 'failed' });
    await journal().startRun(atOnce);
    const bySystem = await startRun(bench, ['a']);
    await bench.database.control.cancel({ runId: bySystem, by: 'system' });
    const held = await startRun(bench, ['a']);
    const me = await claimFirst(bench.database, held, 'a', worker.id);
    await bench.database.control.cancel({ runId: held, by: 'system' });
    const ends = [
      { kind: 'step.cancelled', data: {}, stepKey: 'a' },
      { kind: 'run.cancelled', data: {}, stepKey: null },
    ] as const;
    await journal().append(
      appendOf(held, me, ends, { version: 2, seen: 3, ownState: { state: 'cancelled' }, runState: 'cancelled' }),
    );
    const byPerson = await startRun(bench, ['a']);
    await bench.database.control.cancel({ runId: byPerson, by: 'ann' });
    const { started } = startOf(bench, []);
    const answering = { ...started, data: { ...started.data, trigger: { node: 'alarm', kind: 'error' } } } as const;
    await fail({ started: answering });
    expect(await alarmed()).toEqual([first, atOnce.runId, bySystem, held]);
    await bench.database.control.closeAlarm(first);
    await bench.database.control.closeAlarm(first);
    expect(await alarmed()).toEqual([atOnce.runId, bySystem, held]);
    await pipelines.remove(listener.id);
    await fail();
    expect(await alarmed()).toHaveLength(3);
  });
});

describe('bells', () => {
  it('tell of steps of other runs that an append has made due: a parent, the next in line, a child', async () => {
    const heard = new Set<string>();
    const subscription = bench.database.onDue((hints) => {
      for (const hint of hints) heard.add(`${hint.runId}/${hint.stepKey}/${hint.epoch}`);
    });
    const limits = { concurrency: { key: 'bells', max: 1 } };
    const [first, next] = [startOf(bench, ['a'], { limits }), startOf(bench, ['a'], { limits })];
    await eventually('the ear to hear', async () => {
      const other = await bench.openAnother({ announceDue: true });
      const request = startOf(bench, ['a']);
      await other.journal.startRun(request);
      await new Promise((resolve) => setTimeout(resolve, 50));
      return heard.has(`${request.runId}/a/0`) ? true : null;
    });
    for (const request of [first, next]) await journal().startRun(request);
    const me = await claimFirst(bench.database, first.runId, 'a', worker.id);
    const child = startOf(bench, ['x'], { mustBePublished: false });
    const parent = { run: first.runId, step: 'a', depth: 1 };
    const asChild = { ...child, started: { ...child.started, data: { ...child.started.data, parent } } };
    const wait = { kind: 'step.waiting', data: { reason: 'child', child: child.runId }, stepKey: 'a' } as const;
    const waiting = { version: 1, seen: 2, ownState: { state: 'waiting' }, child: asChild } as const;
    await journal().append(appendOf(first.runId, me, [wait], waiting));
    await eventually('the child', () => (heard.has(`${child.runId}/x/0`) ? true : null));
    await bench.database.control.cancel({ runId: child.runId, by: 'test' });
    await eventually('the parent', () => (heard.has(`${first.runId}/a/1`) ? true : null));
    expect(heard.has(`${next.runId}/a/0`)).toBe(false);
    await bench.database.control.cancel({ runId: first.runId, by: 'test' });
    await eventually('the next in line', () => (heard.has(`${next.runId}/a/0`) ? true : null));
    subscription.close();
  });

  it('tell workers of steps that a process without a queue has opened', async () => {
    const server = await bench.openAnother({ announceDue: true });
    const heard: string[] = [];
    const subscription = bench.database.onDue((hints) =>
      heard.push(...hints.map((hint) => `${hint.runId}/${hint.stepKey}/${hint.epoch}`)),
    );
    const runId = await eventually('a bell', async () => {
      const request = startOf(bench, ['a']);
      await server.journal.startRun(request);
      await new Promise((resolve) => setTimeout(resolve, 50));
      return heard.includes(`${request.runId}/a/0`) ? request.runId : null;
    });
    subscription.close();
    expect(heard).toContain(`${runId}/a/0`);
  });
});
