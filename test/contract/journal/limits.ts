import { type StartLimits, uuidV7, type WorkerSession } from '@switchyard/journal';
import type { StepLimit } from '@switchyard/pipeline';
import { expect } from 'vitest';
import { type Startable, startOf } from '../../harness/journal.ts';
import {
  ask,
  begin,
  claimIt,
  finish,
  type JournalCases,
  type JournalUnderTest,
  rowsOf,
  settle,
  stepOf,
} from './case.ts';

let keys = 0;
/** A key that no other case has. */
const freshKey = (): string => `key-${process.pid}-${++keys}`;

/** Ids in the order of the starts, also within a millisecond: the age of a run is in its id. */
const nextId = (): string => uuidV7(Date.now() + ++keys);

const startMany = async (under: JournalUnderTest, count: number, limits: StartLimits): Promise<string[]> => {
  const runs: string[] = [];
  for (let made = 0; made < count; made++) runs.push(await begin(under, ['a'], { runId: nextId(), limits }));
  return runs;
};

const inState = async (under: JournalUnderTest, runs: readonly string[], state: string): Promise<string[]> => {
  const rows = await Promise.all(runs.map((runId) => rowsOf(under, runId)));
  return rows.filter((row) => row.state === state).map((row) => row.runId);
};

/** `running` and `queued` of these runs, in the order they began. */
const line = async (under: JournalUnderTest, runs: readonly string[]) => ({
  running: await inState(under, runs, 'running'),
  queued: await inState(under, runs, 'queued'),
});

const of = (target: Startable) => ({ pipelineId: target.pipeline.id, revisionId: target.revision.id });

const ofRuns: JournalCases = {
  'K2: two at once of eight, in order, whatever ends: done, failed, cancelled, queued ones cancelled': async (
    under,
  ) => {
    const worker = await under.registerWorker();
    const runs = await startMany(under, 8, { concurrency: { key: freshKey(), max: 2 } });
    expect(await line(under, runs)).toEqual({ running: runs.slice(0, 2), queued: runs.slice(2) });
    expect(await ask(under, { runId: runs[2] ?? '', stepKey: 'a', epoch: 0 }, worker.id)).toBe('taken');
    const [first, second, third, fourth, fifth] = runs as [string, string, string, string, string];
    await finish(under, first, await claimIt(under, first, 'a', worker));
    expect((await line(under, runs)).running).toEqual([second, third]);
    await under.control.cancel({ runId: fourth, by: 'test' });
    expect((await line(under, runs)).running).toEqual([second, third]);
    await under.control.cancel({ runId: second, by: 'test' });
    expect((await line(under, runs)).running).toEqual([third, fifth]);
    await settle(under, third, await claimIt(under, third, 'a', worker), {
      also: [{ kind: 'run.failed', data: { failure: { code: 'x', message: 'x' } }, stepKey: null }],
      runState: 'failed',
    });
    expect((await line(under, runs)).running).toEqual([fifth, runs[5]]);
    await Promise.all(runs.map((runId) => under.control.cancel({ runId, by: 'test' })));
    expect(await line(under, runs)).toEqual({ running: [], queued: [] });
  },

  'K1: the place of a run whose worker died is its own until it ends, and then free': async (under) => {
    const [dead, alive] = [await under.registerWorker(), await under.registerWorker()];
    const [first, second] = await startMany(under, 2, { concurrency: { key: freshKey(), max: 1 } });
    if (first === undefined || second === undefined) throw new Error('two runs');
    await claimIt(under, first, 'a', dead);
    await under.kill(dead);
    expect((await alive.sweep()).filter((hint) => hint.runId === first)).toEqual([
      { runId: first, stepKey: 'a', epoch: 2 },
    ]);
    expect(await ask(under, { runId: second, stepKey: 'a', epoch: 0 }, alive.id)).toBe('taken');
    const again = await under.journal.claim({ runId: first, stepKey: 'a', epoch: 2, worker: alive.id, seen: 0 });
    expect(again.outcome).toBe('claimed');
    await finish(under, first, { stepKey: 'a', epoch: 3, n: 0, worker: alive.id });
    expect(await ask(under, { runId: second, stepKey: 'a', epoch: 0 }, alive.id)).toBe('claimed');
  },

  'queued runs begin by priority, then by age, and a start does not pass them': async (under) => {
    const worker = await under.registerWorker();
    const concurrency = { key: freshKey(), max: 1 };
    const [first] = await startMany(under, 1, { concurrency });
    const [low] = await startMany(under, 1, { concurrency, priority: -1 });
    const [high] = await startMany(under, 1, { concurrency, priority: 5 });
    const [later] = await startMany(under, 1, { concurrency, priority: 5 });
    const order: string[] = [];
    const all = [first, low, high, later].map((runId) => runId ?? '');
    for (let ended = 0; ended < 4; ended++) {
      const [running] = (await line(under, all)).running;
      if (running === undefined) throw new Error('nobody has the place');
      order.push(running);
      await finish(under, running, await claimIt(under, running, 'a', worker));
    }
    expect(order).toEqual([first, high, later, low]);
  },

  'a rate lets so many begin in any window, the others when it has passed': async (under) => {
    const target = await under.anotherPipeline();
    const worker = await under.registerWorker();
    const runs: string[] = [];
    for (let made = 0; made < 5; made++)
      runs.push(
        await begin(under, ['a'], { ...of(target), runId: nextId(), limits: { rate: { max: 2, perSeconds: 60 } } }),
      );
    expect((await line(under, runs)).running).toEqual(runs.slice(0, 2));
    await under.control.cancel({ runId: runs[0] ?? '', by: 'test' });
    await worker.sweep();
    expect((await line(under, runs)).running).toEqual([runs[1]]);
    await under.passTime(61_000);
    const hints = await worker.sweep();
    expect((await line(under, runs)).running).toEqual(runs.slice(1, 4));
    expect(hints.filter((hint) => runs.slice(2, 4).includes(hint.runId))).toHaveLength(2);
    await worker.sweep();
    expect((await line(under, runs)).queued).toEqual([runs[4]]);
  },

  'a child of a run that has the place goes in with it: a pipeline that calls itself does not wait for itself': async (
    under,
  ) => {
    const worker = await under.registerWorker();
    const limits = { concurrency: { key: freshKey(), max: 1 } };
    const runId = await begin(under, ['a'], { limits });
    const me = await claimIt(under, runId, 'a', worker);
    const request = startOf(under, ['x'], { mustBePublished: false, limits });
    const { started } = request;
    const parent = { run: runId, step: 'a', depth: 1 };
    const child = { ...request, started: { ...started, data: { ...started.data, parent } } };
    const waits = { kind: 'step.waiting', data: { reason: 'child', child: child.runId }, stepKey: 'a' } as const;
    const answer = await under.journal.append({
      ...{ runId, speaker: me, version: 1, seen: 2, intent: false, events: [waits], open: [], touch: [] },
      ownState: { state: 'waiting' },
      child,
    });
    expect(answer.outcome).toBe('done');
    expect((await rowsOf(under, child.runId)).state).toBe('running');
  },

  'Q7: starts beyond queueMax are refused exactly, though twenty come at once, and nothing of them is stored': async (
    under,
  ) => {
    const target = await under.anotherPipeline();
    const requests = Array.from({ length: 20 }, () =>
      startOf(under, ['a'], { ...of(target), limits: { queueMax: 7 } }),
    );
    const answers = await Promise.all(requests.map((request) => under.journal.startRun(request)));
    expect(answers.filter((answer) => answer.outcome === 'started')).toHaveLength(7);
    expect(answers.filter((answer) => answer.outcome === 'full')).toHaveLength(13);
    const refused = requests[answers.findIndex((answer) => answer.outcome === 'full')];
    const stored = requests[answers.findIndex((answer) => answer.outcome === 'started')];
    if (refused === undefined || stored === undefined) throw new Error('both kinds');
    expect(await under.control.rows(refused.runId)).toBeNull();
    expect(await under.journal.startRun(stored)).toMatchObject({ outcome: 'exists', runId: stored.runId });
    await under.control.cancel({ runId: stored.runId, by: 'test' });
    expect((await under.journal.startRun(refused)).outcome).toBe('started');
  },

  'C14: after a blocked night the queue holds queueMax runs and no more, and they go one by one': async (under) => {
    const target = await under.anotherPipeline();
    const worker = await under.registerWorker();
    const limits = { queueMax: 4, concurrency: { key: freshKey(), max: 1 } };
    const answers: string[] = [];
    const runs: string[] = [];
    for (let tick = 0; tick < 50; tick++) {
      const request = startOf(under, ['a'], { ...of(target), runId: nextId(), limits });
      runs.push(request.runId);
      answers.push((await under.journal.startRun(request)).outcome);
      await under.passTime(600_000);
    }
    expect(answers).toEqual(['started', 'started', 'started', 'started', ...Array.from({ length: 46 }, () => 'full')]);
    for (const runId of runs.slice(0, 4)) {
      expect((await line(under, runs.slice(0, 4))).running).toEqual([runId]);
      await finish(under, runId, await claimIt(under, runId, 'a', worker));
    }
  },
};

/** A run whose steps all have this limit, due. */
const limited = (under: JournalUnderTest, open: readonly string[], limit: StepLimit, limits: StartLimits = {}) =>
  begin(under, open, { limits, stepLimits: Object.fromEntries(open.map((key) => [key, limit])) });

const claimOrNot = (under: JournalUnderTest, runId: string, stepKey: string, worker: WorkerSession) =>
  ask(under, { runId, stepKey, epoch: 0 }, worker.id);

const ofSteps: JournalCases = {
  'a step whose limiter is full is parked, and let go in turn when a slot is free': async (under) => {
    const worker = await under.registerWorker();
    const runId = await limited(under, ['x', 'y', 'z'], { key: freshKey(), max: 1 });
    const x = await claimIt(under, runId, 'x', worker);
    expect(await claimOrNot(under, runId, 'y', worker)).toBe('full');
    expect(await claimOrNot(under, runId, 'z', worker)).toBe('full');
    expect(await claimOrNot(under, runId, 'y', worker)).toBe('taken');
    expect(await settle(under, runId, x)).toBe('done');
    expect(await claimOrNot(under, runId, 'z', worker)).toBe('taken');
    expect(await claimOrNot(under, runId, 'y', worker)).toBe('claimed');
  },

  'a step that comes later does not pass one that was called': async (under) => {
    const worker = await under.registerWorker();
    const limit = { key: freshKey(), max: 1 };
    const runId = await limited(under, ['x', 'y'], limit);
    const x = await claimIt(under, runId, 'x', worker);
    expect(await claimOrNot(under, runId, 'y', worker)).toBe('full');
    await settle(under, runId, x);
    const late = await limited(under, ['w'], limit);
    expect(await claimOrNot(under, late, 'w', worker)).toBe('full');
    expect(await claimOrNot(under, runId, 'y', worker)).toBe('claimed');
  },

  'K1: the slot of a dead holder is free when its step is': async (under) => {
    const [dead, alive] = [await under.registerWorker(), await under.registerWorker()];
    const runId = await limited(under, ['x', 'y'], { key: freshKey(), max: 1 });
    await claimIt(under, runId, 'x', dead);
    expect(await claimOrNot(under, runId, 'y', alive)).toBe('full');
    await under.kill(dead);
    const hints = (await alive.sweep()).filter((hint) => hint.runId === runId);
    const outcomes = await Promise.all(hints.map((hint) => ask(under, hint, alive.id)));
    expect(outcomes.filter((outcome) => outcome === 'claimed')).toHaveLength(1);
  },

  'K2: at most two of six are at work, and two while any waits, whatever ends them': async (under) => {
    const worker = await under.registerWorker();
    const limit = { key: freshKey(), max: 2 };
    const runs: string[] = [];
    for (let made = 0; made < 6; made++) runs.push(await limited(under, ['s'], limit));
    const held = async () => {
      for (const runId of runs) await claimOrNot(under, runId, 's', worker);
      const rows = await Promise.all(runs.map((runId) => stepOf(under, runId, 's')));
      return runs.filter((_, index) => rows[index]?.held === true);
    };
    const me = { stepKey: 's', epoch: 1, n: 0, worker: worker.id };
    expect(await held()).toEqual(runs.slice(0, 2));
    await finish(under, runs[0] ?? '', me);
    expect(await held()).toEqual(runs.slice(1, 3));
    await under.control.cancel({ runId: runs[4] ?? '', by: 'test' });
    expect(await held()).toEqual(runs.slice(1, 3));
    const failure = { code: 'x', message: 'x' };
    await settle(under, runs[1] ?? '', me, {
      ...{ also: [{ kind: 'run.failed', data: { failure }, stepKey: null }], runState: 'failed' },
    });
    expect(await held()).toEqual([runs[2], runs[3]]);
    await finish(under, runs[2] ?? '', me);
    expect(await held()).toEqual([runs[3], runs[5]]);
  },

  'a rate of steps counts begins, not holders': async (under) => {
    const worker = await under.registerWorker();
    const runId = await limited(under, ['x', 'y', 'z'], { key: freshKey(), max: 2, perSeconds: 60 });
    await settle(under, runId, await claimIt(under, runId, 'x', worker));
    await settle(under, runId, await claimIt(under, runId, 'y', worker));
    expect(await claimOrNot(under, runId, 'z', worker)).toBe('full');
    await worker.sweep();
    expect(await claimOrNot(under, runId, 'z', worker)).toBe('taken');
    await under.passTime(61_000);
    expect((await worker.sweep()).filter((hint) => hint.runId === runId)).toEqual([{ runId, stepKey: 'z', epoch: 0 }]);
    expect(await claimOrNot(under, runId, 'z', worker)).toBe('claimed');
  },

  'a thousand runs of one pipeline do not stand before one of another': async (under) => {
    const [crowd, lone] = [await under.anotherPipeline(), await under.anotherPipeline()];
    const worker = await under.registerWorker();
    const crowded = new Set<string>();
    for (let made = 0; made < 300; made++) crowded.add(await begin(under, ['a'], of(crowd)));
    const runId = await begin(under, ['a'], of(lone));
    await under.passTime(600);
    const hints = await worker.sweep();
    // what other cases left due has turns of its own
    const turns = hints.filter((hint) => hint.runId === runId || crowded.has(hint.runId));
    const at = turns.findIndex((hint) => hint.runId === runId);
    expect(at).toBeGreaterThanOrEqual(0);
    expect(at).toBeLessThan(2);
    expect(hints.length).toBeLessThan(200);
    expect((await worker.sweep()).length).toBe(0);
    await under.passTime(6_000);
    expect((await worker.sweep()).length).toBeGreaterThan(20);
  },

  'pipelines take turns by weight': async (under) => {
    const [heavy, light] = [await under.anotherPipeline(), await under.anotherPipeline()];
    const worker = await under.registerWorker();
    const [heavies, lights] = [new Set<string>(), new Set<string>()];
    for (let made = 0; made < 30; made++) {
      heavies.add(await begin(under, ['a'], { ...of(heavy), limits: { weight: 3 } }));
      lights.add(await begin(under, ['a'], of(light)));
    }
    await under.passTime(600);
    const hints = (await worker.sweep()).filter(({ runId }) => heavies.has(runId) || lights.has(runId));
    const first = hints.slice(0, 20).filter(({ runId }) => heavies.has(runId));
    expect(first).toHaveLength(15);
  },
};

/** Limits of runs and steps, rates, queues and turns. */
export const limitCases: JournalCases = { ...ofRuns, ...ofSteps };
