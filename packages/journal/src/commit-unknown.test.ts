import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../../../test/harness/fault-proxy.ts';
import {
  appendOf,
  claimFirst,
  type JournalBench,
  note,
  openJournalBench,
  startOf,
  startRun,
} from '../../../test/harness/journal.ts';
import type { WorkerSession } from './contract.ts';
import type { Database } from './database-contract.ts';

let bench: JournalBench;
let proxy: FaultProxy;
let torn: Database;
let worker: WorkerSession;

beforeAll(async () => {
  bench = await openJournalBench();
  proxy = await startFaultProxy(bench.test.url);
  torn = await bench.openAnother({ url: proxy.url });
  worker = await bench.database.registerWorker({ build: 'test' });
});
afterAll(async () => {
  await worker.close();
  await bench.close();
  await proxy.close();
});

/** Runs a call whose first answer is torn off after Postgres has committed. */
async function unanswered<Answer>(text: string, call: () => Promise<Answer>): Promise<Answer> {
  const before = proxy.fired.cut;
  proxy.inject({ verb: 'cut', after: 0, towards: 'client', when: text });
  const answer = await call();
  expect(proxy.fired.cut).toBe(before + 1);
  return answer;
}

describe('a commit whose answer is lost', () => {
  it('is found to be written: append', async () => {
    const runId = await startRun(bench, ['a']);
    const me = await claimFirst(bench.database, runId, 'a', worker.id);
    const answer = await unanswered('torn append', () =>
      torn.journal.append(appendOf(runId, me, [note('a', 'torn append')])),
    );
    expect(answer.outcome).toBe('already');
    expect((await bench.database.journal.events(runId, { after: 2 })).map((event) => event.seq)).toEqual([3]);
  });

  it('is granted again: claim', async () => {
    const runId = await startRun(bench, ['torn-claim']);
    const answer = await unanswered('torn-claim', () =>
      torn.journal.claim({ runId, stepKey: 'torn-claim', epoch: 0, worker: worker.id, seen: 0 }),
    );
    expect(answer).toMatchObject({ outcome: 'claimed', epoch: 1, attempt: 1, seq: 2 });
    expect(answer.outcome === 'claimed' && answer.missed.map((event) => event.seq)).toEqual([1, 2]);
  });

  it('names the same run: start', async () => {
    const request = startOf(bench, ['torn-start'], { dedupKey: 'torn start' });
    const answer = await unanswered('torn start', () => torn.journal.startRun(request));
    expect(answer).toEqual({ outcome: 'exists', runId: request.runId, seq: 1 });
  });

  it('has woken: wake, and the same answer from somebody else has not', async () => {
    const runId = await startRun(bench, ['a']);
    const me = await claimFirst(bench.database, runId, 'a', worker.id);
    const wait = { kind: 'step.waiting', data: { reason: 'approval' }, stepKey: 'a' } as const;
    const waiting = { version: 1, seen: 2, ownState: { state: 'waiting' } } as const;
    await bench.database.journal.append(appendOf(runId, me, [wait], waiting));
    const event = { kind: 'approval.decided', data: { approved: true, by: 'torn wake' } } as const;
    const wake = () => torn.control.wake({ runId, stepKey: 'a', epoch: 1, event });
    expect(await unanswered('torn wake', wake)).toBe('woken');
    expect(await wake()).toBe('not_waiting');
    const other = { ...event, data: { approved: false, by: 'torn wake' } };
    const late = () => torn.control.wake({ runId, stepKey: 'a', epoch: 1, event: other });
    expect(await unanswered('torn wake', late)).toBe('not_waiting');
    expect((await bench.database.journal.events(runId, { after: 3 })).map((told) => told.kind)).toEqual([event.kind]);
  });

  it('has called: a child, once', async () => {
    const runId = await startRun(bench, ['a']);
    const me = await claimFirst(bench.database, runId, 'a', worker.id);
    const request = startOf(bench, ['torn-child'], { mustBePublished: false });
    const parent = { run: runId, step: 'a', depth: 1 };
    const child = { ...request, started: { ...request.started, data: { ...request.started.data, parent } } };
    const wait = { kind: 'step.waiting', data: { reason: 'child', child: child.runId }, stepKey: 'a' } as const;
    const call = appendOf(runId, me, [wait], { version: 1, seen: 2, ownState: { state: 'waiting' }, child });
    expect((await unanswered('torn-child', () => torn.journal.append(call))).outcome).toBe('already');
    expect(await bench.database.control.family(runId)).toEqual([runId, child.runId]);
  });
});
