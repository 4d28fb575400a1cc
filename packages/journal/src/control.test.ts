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

describe('cancel and wake', () => {
  it('ends a run with only free steps at once, in one append', async () => {
    const runId = await startRun(bench, ['a', 'b']);
    expect(await bench.database.control.cancel({ runId, by: 'test', reason: 'why not' })).toEqual({
      outcome: 'cancelled',
      state: 'cancelled',
    });
    expect(await kinds(runId)).toEqual([
      'run.started',
      'run.cancel_requested',
      'step.cancelled',
      'step.cancelled',
      'run.cancelled',
    ]);
    expect(await bench.database.control.cancel({ runId, by: 'test' })).toEqual({ outcome: 'over', state: 'cancelled' });
    expect(await bench.database.control.cancel({ runId: startOf(bench, []).runId, by: 'test' })).toEqual({
      outcome: 'unknown',
    });
  });

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

  it('uses an answer once', async () => {
    const runId = await startRun(bench, ['a']);
    const me = await claimFirst(bench.database, runId, 'a', worker.id);
    const ask = { kind: 'step.waiting', data: { reason: 'approval' }, stepKey: 'a' } as const;
    await journal().append(appendOf(runId, me, [ask], { version: 1, seen: 2, ownState: { state: 'waiting' } }));
    expect((await bench.database.catalog.runs.get(runId))?.waiting).toBe(true);
    const event = { kind: 'approval.decided', data: { approved: true, by: 'test' } } as const;
    const wake = () => bench.database.control.wake({ runId, stepKey: 'a', epoch: 1, event });
    expect((await Promise.all([wake(), wake()])).sort()).toEqual(['not_waiting', 'woken']);
    const claimed = await journal().claim({ runId, stepKey: 'a', epoch: 2, worker: worker.id, seen: 3 });
    expect(claimed.outcome === 'claimed' && claimed.missed.map((event) => event.kind)).toEqual([
      'approval.decided',
      'step.started',
    ]);
  });
});

describe('bells', () => {
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
