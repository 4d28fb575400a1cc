import type { Speaker } from '@switchyard/journal';
import type { NewEvent } from '@switchyard/pipeline';
import { expect } from 'vitest';
import { appendOf, note, started, succeeded } from '../../harness/journal.ts';
import { ask, begin, claimIt, type JournalCases, kindsOf, rowsOf, stepOf } from './case.ts';

const ended = { ownState: { state: 'succeeded' } } as const;
const runEnd: NewEvent = { kind: 'run.succeeded', data: { output: null }, stepKey: null };

const fences: JournalCases = {
  'writes once, and says already to the very same call': async (under) => {
    const worker = await under.registerWorker();
    const runId = await begin(under, ['a']);
    const me = await claimIt(under, runId, 'a', worker);
    const request = appendOf(runId, me, [note('a')]);
    expect(await under.journal.append(request)).toMatchObject({ outcome: 'done', seq: 3 });
    expect(await under.journal.append(request)).toMatchObject({ outcome: 'already' });
    expect(await kindsOf(under, runId)).toEqual(['run.started', 'step.started', 'note']);
    const [, begun, noted] = await under.journal.events(runId, { after: 0 });
    expect([begun?.epoch, begun?.n, noted?.epoch, noted?.n]).toEqual([1, 0, 1, 0]);
  },

  'tells a writer who lost the lease, whatever of the fence differs': async (under) => {
    const [worker, other] = [await under.registerWorker(), await under.registerWorker()];
    const runId = await begin(under, ['a']);
    const me = await claimIt(under, runId, 'a', worker);
    for (const wrong of [
      { ...me, epoch: 2 },
      { ...me, worker: other.id },
      { ...me, n: 3 },
      { ...me, stepKey: 'none' },
    ])
      expect((await under.journal.append(appendOf(runId, wrong, [note('a')]))).outcome).toBe('lost');
    expect(await kindsOf(under, runId)).toEqual(['run.started', 'step.started']);
  },

  'does not let lanes disturb each other: an append inside a step moves no version': async (under) => {
    const worker = await under.registerWorker();
    const runId = await begin(under, ['a', 'b']);
    const lane = async (speaker: Speaker) => {
      for (let n = 0; n < 5; n++) {
        const request = appendOf(runId, { ...speaker, n }, [note(speaker.stepKey)]);
        expect((await under.journal.append(request)).outcome).toBe('done');
      }
    };
    const [a, b] = [await claimIt(under, runId, 'a', worker), await claimIt(under, runId, 'b', worker)];
    await Promise.all([lane(a), lane(b)]);
    const events = await under.journal.events(runId, { after: 0 });
    expect(events.map((event) => event.seq)).toEqual(Array.from({ length: 13 }, (_, index) => index + 1));
    expect((await rowsOf(under, runId)).version).toBe(1);
  },

  'will not end a run that has a live step': async (under) => {
    const worker = await under.registerWorker();
    const runId = await begin(under, ['a', 'b']);
    const a = await claimIt(under, runId, 'a', worker);
    const end = { version: 1, seen: 2, ...ended, runState: 'succeeded' } as const;
    await expect(under.journal.append(appendOf(runId, a, [succeeded('a'), runEnd], end))).rejects.toMatchObject({
      code: 'live_steps',
    });
    expect(await kindsOf(under, runId)).toEqual(['run.started', 'step.started']);
  },
};

const decisions: JournalCases = {
  'lets one of two racers start the join and tells the other what it missed': async (under) => {
    const [worker, other] = [await under.registerWorker(), await under.registerWorker()];
    const runId = await begin(under, ['a', 'b']);
    const [a, b] = [await claimIt(under, runId, 'a', worker), await claimIt(under, runId, 'b', other)];
    const end = (me: Speaker) => appendOf(runId, me, [succeeded(me.stepKey)], { version: 1, seen: 3, ...ended });
    const answers = await Promise.all([under.journal.append(end(a)), under.journal.append(end(b))]);
    expect(answers.map((answer) => answer.outcome).sort()).toEqual(['behind', 'done']);
    const behind = answers.find((answer) => answer.outcome === 'behind');
    expect(behind?.missed.map((event) => event.kind)).toEqual(['step.succeeded']);
    expect(behind?.version).toBe(2);
    const late = answers[0]?.outcome === 'behind' ? a : b;
    const join = appendOf(runId, late, [succeeded(late.stepKey), started('join', late.worker)], {
      ...{ version: 2, seen: 4, ...ended },
      open: [{ stepKey: 'join', mine: true }],
    });
    expect(await under.journal.append(join)).toMatchObject({ outcome: 'done', version: 3 });
    expect(await stepOf(under, runId, 'join')).toMatchObject({ state: 'running', epoch: 1, held: true });
  },

  'touches others only at the epoch they were seen at': async (under) => {
    const worker = await under.registerWorker();
    const runId = await begin(under, ['a', 'b', 'c']);
    const a = await claimIt(under, runId, 'a', worker);
    const stop = (epoch: number) => [
      { stepKey: 'b', epoch: 0, to: 'cancelled' } as const,
      { stepKey: 'c', epoch, to: 'cancelled' } as const,
    ];
    const request = appendOf(runId, a, [{ kind: 'step.cancelled', data: {}, stepKey: 'b' }], {
      ...{ version: 1, seen: 2, touch: stop(0) },
    });
    await claimIt(under, runId, 'c', worker);
    const behind = await under.journal.append(request);
    expect(behind).toMatchObject({ outcome: 'behind', version: 1 });
    expect(behind.live).toContainEqual({ stepKey: 'c', epoch: 1, held: true });
    expect((await under.journal.append({ ...request, touch: stop(1) })).outcome).toBe('done');
    expect(await stepOf(under, runId, 'b')).toMatchObject({ state: 'cancelled', held: false });
    expect(await stepOf(under, runId, 'c')).toMatchObject({ state: 'running', held: true });
    const pulse = await worker.pulse();
    expect(pulse.outcome === 'alive' && pulse.held.filter((step) => step.runId === runId)).toMatchObject([
      { stepKey: 'a', stop: false },
      { stepKey: 'c', stop: true },
    ]);
  },

  'wakes only what waits': async (under) => {
    const worker = await under.registerWorker();
    const runId = await begin(under, ['a', 'b']);
    const a = await claimIt(under, runId, 'a', worker);
    const woken: NewEvent = { kind: 'step.woken', data: {}, stepKey: 'a' };
    const wake = appendOf(runId, null, [woken], { version: 1, touch: [{ stepKey: 'a', epoch: 1, to: 'due' }] });
    expect((await under.journal.append(wake)).outcome).toBe('behind');
    const waiting: NewEvent = { kind: 'step.waiting', data: { reason: 'webhook' }, stepKey: 'a' };
    await under.journal.append(appendOf(runId, a, [waiting], { version: 1, seen: 2, ownState: { state: 'waiting' } }));
    expect((await under.journal.append({ ...wake, version: 2 })).outcome).toBe('done');
    expect(await ask(under, { runId, stepKey: 'a', epoch: 2 }, worker.id)).toBe('claimed');
  },

  'settles a waiting step that does not speak, and nothing where there is no row': async (under) => {
    const worker = await under.registerWorker();
    const runId = await begin(under, ['each', 'x']);
    const each = await claimIt(under, runId, 'each', worker);
    const x = await claimIt(under, runId, 'x', worker);
    const begun: NewEvent = {
      kind: 'loop.started',
      data: { items: { inline: [1] }, count: 1, concurrency: 1, onItemError: 'fail' },
      stepKey: 'each',
    };
    const waits = { version: 1, seen: 3, ownState: { state: 'waiting' } } as const;
    expect((await under.journal.append(appendOf(runId, each, [begun], waits))).outcome).toBe('done');
    expect(await stepOf(under, runId, 'each')).toMatchObject({ state: 'waiting', held: false });
    const last = appendOf(runId, x, [succeeded('x'), succeeded('each'), succeeded('inner'), runEnd], {
      ...{ version: 2, seen: 4, ...ended, runState: 'succeeded' },
      close: ['each', 'inner'],
    });
    expect((await under.journal.append(last)).outcome).toBe('done');
    expect((await under.journal.append(last)).outcome).toBe('already');
    expect((await rowsOf(under, runId)).steps.map((step) => [step.stepKey, step.state])).toEqual([
      ['each', 'succeeded'],
      ['x', 'succeeded'],
    ]);
  },

  'closes to the state of the settling event': async (under) => {
    const worker = await under.registerWorker();
    const runId = await begin(under, ['each', 'x']);
    const each = await claimIt(under, runId, 'each', worker);
    const x = await claimIt(under, runId, 'x', worker);
    const index: NewEvent = { kind: 'iteration.started', data: { index: 0 }, stepKey: 'each' };
    await under.journal.append(appendOf(runId, each, [index], { version: 1, seen: 3, ownState: { state: 'waiting' } }));
    const failed = (stepKey: string): NewEvent => ({
      kind: 'step.failed',
      data: { failure: { code: 'item_failed', message: 'x' } },
      stepKey,
    });
    const last = appendOf(runId, x, [failed('x'), failed('each')], {
      ...{ version: 2, seen: 4, ownState: { state: 'failed' }, close: ['each'] },
    });
    expect((await under.journal.append(last)).outcome).toBe('done');
    expect(await stepOf(under, runId, 'each')).toMatchObject({ state: 'failed', held: false });
  },
};

const pure: JournalCases = {
  'finishes a due pure step unclaimed, once: the other of two racers has lost': async (under) => {
    const [worker, other] = [await under.registerWorker(), await under.registerWorker()];
    const runId = await begin(under, ['p']);
    const finished = (id: number) =>
      appendOf(
        runId,
        { stepKey: 'p', epoch: 0, n: null, worker: id },
        [started('p', id), succeeded('p'), started('q', id)],
        { version: 1, seen: 1, ...ended, open: [{ stepKey: 'q', mine: true }] },
      );
    expect((await under.journal.append(finished(worker.id))).outcome).toBe('done');
    expect((await under.journal.append(finished(worker.id))).outcome).toBe('already');
    expect((await under.journal.append(finished(other.id))).outcome).toBe('lost');
    expect(await kindsOf(under, runId)).toEqual(['run.started', 'step.started', 'step.succeeded', 'step.started']);
  },

  'puts a retry back with its next attempt and a due time to come': async (under) => {
    const worker = await under.registerWorker();
    const runId = await begin(under, ['a']);
    const me = await claimIt(under, runId, 'a', worker);
    const failure = { code: 'x', message: 'x' };
    const retry: NewEvent = {
      kind: 'step.retrying',
      data: { failure, attempt: 2, dueInMs: 60_000 },
      stepKey: 'a',
    };
    const back = { version: 1, seen: 2, ownState: { state: 'queued', dueInMs: 60_000 } } as const;
    await under.journal.append(appendOf(runId, me, [retry], back));
    expect(await ask(under, { runId, stepKey: 'a', epoch: 1 }, worker.id)).toBe('taken');
    await under.passTime(61_000);
    const again = await under.journal.claim({ runId, stepKey: 'a', epoch: 1, worker: worker.id, seen: 0 });
    expect(again).toMatchObject({ outcome: 'claimed', epoch: 2, attempt: 2, crashes: 0 });
    expect((await under.journal.events(runId, { after: 3 }))[0]?.data).toEqual({
      ...{ attempt: 2, crashes: 0, worker: worker.id, after: 'retry' },
    });
  },
};

/** append: fences, versions, what it opens, touches and closes. */
export const appendCases: JournalCases = { ...fences, ...decisions, ...pure };
