import type { NewEvent } from '@switchyard/pipeline';
import { expect } from 'vitest';
import { appendOf, startOf } from '../../harness/journal.ts';
import {
  ask,
  begin,
  claimIt,
  finish,
  type JournalCases,
  type JournalUnderTest,
  kindsOf,
  rowsOf,
  stepOf,
} from './case.ts';

const intent: NewEvent = {
  kind: 'tool.started',
  data: { turn: 1, call: { id: 'c', name: 'f', arguments: '{}' }, policy: 'ask' },
  stepKey: 'a',
};

/** A step that waits for an answer at epoch 1, at version 2. */
async function waiting(under: JournalUnderTest, reason: 'approval' | 'paused' = 'approval') {
  const worker = await under.registerWorker();
  const runId = await begin(under, ['a']);
  const me = await claimIt(under, runId, 'a', worker);
  const waits: NewEvent = { kind: 'step.waiting', data: { reason }, stepKey: 'a' };
  await under.journal.append(appendOf(runId, me, [waits], { version: 1, seen: 2, ownState: { state: 'waiting' } }));
  return { worker, runId };
}

const cancels: JournalCases = {
  'cancel ends a run with only free steps at once': async (under) => {
    const runId = await begin(under, ['a', 'b']);
    const cancel = () => under.control.cancel({ runId, by: 'test', reason: 'why not' });
    expect(await cancel()).toEqual({ outcome: 'cancelled', state: 'cancelled' });
    expect(await kindsOf(under, runId)).toEqual([
      ...['run.started', 'run.cancel_requested', 'step.cancelled', 'step.cancelled', 'run.cancelled'],
    ]);
    expect(await cancel()).toEqual({ outcome: 'over', state: 'cancelled' });
    expect(await under.control.cancel({ runId: startOf(under, []).runId, by: 'test' })).toEqual({ outcome: 'unknown' });
  },

  'cancel refuses an intent after it, and everything after the end': async (under) => {
    const worker = await under.registerWorker();
    const runId = await begin(under, ['a']);
    const me = await claimIt(under, runId, 'a', worker);
    expect(await under.control.cancel({ runId, by: 'test' })).toEqual({ outcome: 'cancelling', state: 'running' });
    expect((await under.control.cancel({ runId, by: 'test' })).outcome).toBe('cancelling');
    expect((await under.journal.append(appendOf(runId, me, [intent], { intent: true }))).outcome).toBe('stopped');
    const cancelled: readonly NewEvent[] = [
      { kind: 'step.cancelled', data: {}, stepKey: 'a' },
      { kind: 'run.cancelled', data: {}, stepKey: null },
    ];
    const end = appendOf(runId, me, cancelled, {
      ...{ version: 2, seen: 3, ownState: { state: 'cancelled' }, runState: 'cancelled' },
    });
    expect((await under.journal.append(end)).outcome).toBe('done');
    expect((await under.journal.append(end)).outcome).toBe('already');
    const late = appendOf(runId, null, [{ kind: 'run.paused', data: { by: 'test' }, stepKey: null }], { version: 3 });
    expect((await under.journal.append(late)).outcome).toBe('over');
    expect((await kindsOf(under, runId)).filter((kind) => kind === 'run.cancel_requested')).toHaveLength(1);
  },

  'uses an answer once': async (under) => {
    const { worker, runId } = await waiting(under);
    const event = { kind: 'approval.decided', data: { approved: true, by: 'test' } } as const;
    const wake = () => under.control.wake({ runId, stepKey: 'a', epoch: 1, event });
    expect((await Promise.all([wake(), wake()])).sort()).toEqual(['not_waiting', 'woken']);
    const claimed = await under.journal.claim({ runId, stepKey: 'a', epoch: 2, worker: worker.id, seen: 3 });
    expect(claimed.outcome === 'claimed' && claimed.missed.map((event) => event.kind)).toEqual([
      'approval.decided',
      'step.started',
    ]);
  },

  'takes no second answer before the first is claimed, nor while the run is paused': async (under) => {
    const { worker, runId } = await waiting(under);
    const event = { kind: 'approval.decided', data: { approved: true, by: 'test' } } as const;
    const wake = (epoch: number) => under.control.wake({ runId, stepKey: 'a', epoch, event });
    expect(await wake(1)).toBe('woken');
    expect(await wake(2)).toBe('not_waiting');
    await under.control.pause({ runId, by: 'test' });
    expect(await ask(under, { runId, stepKey: 'a', epoch: 2 }, worker.id)).toBe('paused');
    expect(await wake(2)).toBe('not_waiting');
  },

  'writes several answers at once, in order, under the step that waits': async (under) => {
    const { runId } = await waiting(under);
    const event = [
      { kind: 'approval.decided', data: { approved: true, by: 'test' } },
      { kind: 'step.woken', data: { by: 'test' } },
    ] as const;
    expect(await under.control.wake({ runId, stepKey: 'a', epoch: 1, event })).toBe('woken');
    const told = (await under.journal.events(runId, { after: 3 })).map(({ seq, kind, stepKey }) => [
      seq,
      kind,
      stepKey,
    ]);
    expect(told).toEqual([
      [4, 'approval.decided', 'a'],
      [5, 'step.woken', 'a'],
    ]);
    expect(await rowsOf(under, runId)).toMatchObject({ seq: 5, version: 3 });
  },
};

const pauses: JournalCases = {
  'a paused run lets nothing be claimed, held steps go on, and resumed it goes on with what was met': async (under) => {
    const worker = await under.registerWorker();
    const runId = await begin(under, ['a', 'b']);
    const a = await claimIt(under, runId, 'a', worker);
    expect(await under.control.pause({ runId, by: 'test' })).toEqual({ outcome: 'paused', state: 'running' });
    expect(await under.control.pause({ runId, by: 'test' })).toEqual({ outcome: 'paused', state: 'running' });
    expect(await kindsOf(under, runId)).toEqual(['run.started', 'step.started', 'run.paused']);
    expect(await rowsOf(under, runId)).toMatchObject({ paused: true, seq: 3, version: 2 });
    const b = { runId, stepKey: 'b', epoch: 0 };
    expect(await ask(under, b, worker.id)).toBe('paused');
    expect(await ask(under, b, worker.id)).toBe('taken');
    await under.passTime(31_000);
    expect((await worker.sweep()).filter((hint) => hint.runId === runId)).toEqual([]);
    expect((await under.journal.append(appendOf(runId, a, [intent], { intent: true }))).outcome).toBe('done');
    const resumed: NewEvent = { kind: 'run.resumed', data: { by: 'test' }, stepKey: null };
    const open = [{ stepKey: 'c', mine: false }];
    const resume = appendOf(runId, null, [resumed], { version: 2, seen: 4, open });
    expect((await under.journal.append(resume)).outcome).toBe('done');
    expect((await under.journal.append(resume)).outcome).toBe('behind');
    expect((await rowsOf(under, runId)).paused).toBe(false);
    expect(await ask(under, b, worker.id)).toBe('claimed');
    expect(await ask(under, { ...b, stepKey: 'c' }, worker.id)).toBe('claimed');
  },

  'a wait that was due during a pause is due after it, and an answer during it is kept': async (under) => {
    const { worker, runId } = await waiting(under, 'paused');
    await under.control.pause({ runId, by: 'test' });
    const event = { kind: 'step.woken', data: {} } as const;
    expect(await under.control.wake({ runId, stepKey: 'a', epoch: 1, event })).toBe('woken');
    const hint = { runId, stepKey: 'a', epoch: 2 };
    expect(await ask(under, hint, worker.id)).toBe('paused');
    const { version, seq } = await rowsOf(under, runId);
    const resumed: NewEvent = { kind: 'run.resumed', data: { by: 'test' }, stepKey: null };
    expect((await under.journal.append(appendOf(runId, null, [resumed], { version, seen: seq }))).outcome).toBe('done');
    expect(await ask(under, hint, worker.id)).toBe('claimed');
  },

  'a paused run can be cancelled': async (under) => {
    const worker = await under.registerWorker();
    const runId = await begin(under, ['a']);
    await under.control.pause({ runId, by: 'test' });
    expect(await ask(under, { runId, stepKey: 'a', epoch: 0 }, worker.id)).toBe('paused');
    expect(await under.control.cancel({ runId, by: 'test' })).toEqual({ outcome: 'cancelled', state: 'cancelled' });
    expect(await under.control.pause({ runId, by: 'test' })).toEqual({ outcome: 'over', state: 'cancelled' });
    expect(await stepOf(under, runId, 'a')).toMatchObject({ state: 'cancelled' });
  },

  'no alarm is raised where nothing listens for errors': async (under) => {
    const worker = await under.registerWorker();
    const runId = await begin(under, ['a']);
    await finish(under, runId, await claimIt(under, runId, 'a', worker));
    expect((await under.control.alarms(1_000)).filter((alarm) => alarm.runId === runId)).toEqual([]);
  },
};

/** cancel, pause and wake: what people do to runs. */
export const controlCases: JournalCases = { ...cancels, ...pauses };
