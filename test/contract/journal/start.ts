import { expect } from 'vitest';
import { startOf } from '../../harness/journal.ts';
import { begin, type JournalCases, kindsOf, rowsOf } from './case.ts';

/** startRun: one run for equal requests, acknowledged when it stands. */
export const startCases: JournalCases = {
  'makes one run of twenty equal requests at once': async (under) => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => under.journal.startRun(startOf(under, ['a'], { dedupKey: 'same' }))),
    );
    expect(new Set(answers.map((answer) => ('runId' in answer ? answer.runId : answer.outcome))).size).toBe(1);
    expect(answers.filter((answer) => answer.outcome === 'started')).toHaveLength(1);
    expect(answers.filter((answer) => answer.outcome === 'exists')).toHaveLength(19);
  },

  'names the same run to the same call sent again': async (under) => {
    const request = startOf(under, ['a']);
    expect(await under.journal.startRun(request)).toEqual({ outcome: 'started', runId: request.runId, seq: 1 });
    expect(await under.journal.startRun(request)).toEqual({ outcome: 'exists', runId: request.runId, seq: 1 });
    expect(await kindsOf(under, request.runId)).toEqual(['run.started']);
  },

  'ends a run in its first transaction when nothing is to do': async (under) => {
    const runId = await begin(under, [], {
      events: [{ kind: 'run.succeeded', data: { output: null }, stepKey: null }],
      runState: 'succeeded',
    });
    expect(await rowsOf(under, runId)).toMatchObject({ state: 'succeeded', seq: 2, version: 1, steps: [] });
  },

  'opens what it says, at epoch 0 and in no hand': async (under) => {
    const runId = await begin(under, ['b', 'a']);
    expect((await rowsOf(under, runId)).steps).toEqual(
      ['a', 'b'].map((stepKey) => ({ stepKey, epoch: 0, state: 'queued', held: false })),
    );
  },

  'refuses a run that names a parent: children begin with an append': async (under) => {
    const request = startOf(under, ['a']);
    const { started } = request;
    const data = { ...started.data, parent: { run: request.runId, step: 'a', depth: 1 } };
    await expect(under.journal.startRun({ ...request, started: { ...started, data } })).rejects.toMatchObject({
      code: 'invalid_request',
    });
  },
};
