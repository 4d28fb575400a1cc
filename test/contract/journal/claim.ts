import { expect } from 'vitest';
import { appendOf, note } from '../../harness/journal.ts';
import { ask, begin, claimIt, type JournalCases, kindsOf, stepOf } from './case.ts';

/** claim, release and take-over: one driver per step. */
export const claimCases: JournalCases = {
  'is granted to one of many, again to the same asker, and to no late hint': async (under) => {
    const [worker, other] = [await under.registerWorker(), await under.registerWorker()];
    const runId = await begin(under, ['a']);
    const hint = { runId, stepKey: 'a', epoch: 0, seen: 0 };
    const askers = Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? worker.id : other.id));
    const answers = await Promise.all(askers.map((id) => under.journal.claim({ ...hint, worker: id })));
    const owner = askers[answers.findIndex((answer) => answer.outcome === 'claimed')] ?? 0;
    expect(answers.map((answer) => answer.outcome)).toEqual(askers.map((id) => (id === owner ? 'claimed' : 'taken')));
    expect(await kindsOf(under, runId)).toEqual(['run.started', 'step.started']);
    await under.journal.append(appendOf(runId, { stepKey: 'a', epoch: 1, n: 0, worker: owner }, [note('a')]));
    expect(await ask(under, hint, owner)).toBe('taken');
  },

  'goes to another when the holder has died, with the crash counted': async (under) => {
    const [dead, alive] = [await under.registerWorker(), await under.registerWorker()];
    const runId = await begin(under, ['a']);
    await claimIt(under, runId, 'a', dead);
    await under.kill(dead);
    const hints = (await alive.sweep()).filter((hint) => hint.runId === runId);
    expect(hints).toEqual([{ runId, stepKey: 'a', epoch: 2 }]);
    expect(await ask(under, { runId, stepKey: 'a', epoch: 2 }, dead.id)).toBe('dead');
    const claimed = await under.journal.claim({ runId, stepKey: 'a', epoch: 2, worker: alive.id, seen: 2 });
    expect(claimed).toMatchObject({ outcome: 'claimed', epoch: 3, attempt: 1, crashes: 1 });
    expect(claimed.outcome === 'claimed' && claimed.missed.map((event) => event.data)).toEqual([
      { attempt: 1, crashes: 1, worker: alive.id, after: 'worker_lost' },
    ]);
    const late = appendOf(runId, { stepKey: 'a', epoch: 1, n: 0, worker: dead.id }, [note('a')]);
    expect((await under.journal.append(late)).outcome).toBe('lost');
  },

  'is free for anybody after a release, without a crash': async (under) => {
    const worker = await under.registerWorker();
    const runId = await begin(under, ['a']);
    await claimIt(under, runId, 'a', worker);
    await worker.release({ runId, stepKey: 'a', epoch: 1 });
    expect(await stepOf(under, runId, 'a')).toMatchObject({ state: 'queued', epoch: 2, held: false });
    expect(await under.journal.claim({ runId, stepKey: 'a', epoch: 2, worker: worker.id, seen: 0 })).toMatchObject({
      outcome: 'claimed',
      crashes: 0,
    });
  },

  'is rung for by the sweep when nobody came, and not again at once': async (under) => {
    const worker = await under.registerWorker();
    const runId = await begin(under, ['a']);
    const rung = async () => (await worker.sweep()).filter((hint) => hint.runId === runId);
    expect(await rung()).toEqual([]);
    await under.passTime(600);
    expect(await rung()).toEqual([{ runId, stepKey: 'a', epoch: 0 }]);
    expect(await rung()).toEqual([]);
    await under.passTime(31_000);
    expect(await rung()).toEqual([{ runId, stepKey: 'a', epoch: 0 }]);
  },

  'says what was missed, and only what the planner must know': async (under) => {
    const worker = await under.registerWorker();
    const runId = await begin(under, ['a', 'b']);
    const a = await claimIt(under, runId, 'a', worker);
    await under.journal.append(appendOf(runId, a, [note('a')]));
    const claimed = await under.journal.claim({ runId, stepKey: 'b', epoch: 0, worker: worker.id, seen: 1 });
    expect(claimed.outcome === 'claimed' && claimed.missed.map((event) => [event.seq, event.kind])).toEqual([
      [2, 'step.started'],
      [4, 'step.started'],
    ]);
  },
};
