import { describe, expect, it } from 'vitest';
import { foldAgent } from './agent-trace.ts';
import { EVENT_KINDS, EventBody, type NewEvent, type RunEvent } from './event.ts';
import { emptyRun, foldNew, foldRun, isOver, NeedsNewerWorker, type RunState } from './fold.ts';
import { ITERATIONS_KEPT } from './loop-state.ts';
import { PersistentMap } from './persistent-map.ts';
import { nodeOfStep } from './step-key.ts';
import { runAfter, seeded, startedBy, step } from './testing/graphs.ts';

const usage = { prompt: 100, completion: 10, cached: 40 };
const call = (id: string) => ({ id, name: 'http_fetch', arguments: '{}' });
const turn = (n: number, calls: readonly string[]): NewEvent => ({
  stepKey: 'think',
  kind: 'turn.finished',
  data: {
    turn: n,
    model: 'm',
    requestSha256: 's',
    thought: `thought ${n}`,
    text: `text ${n}`,
    calls: calls.map(call),
    finishReason: 'stop',
    usage,
    modelMs: 5,
  },
});
const inStep = (body: EventBody): NewEvent => ({ ...body, stepKey: 'think' });

/** A run in which every kind of event occurs. */
const STORY: readonly NewEvent[] = [
  { ...startedBy('t'), stepKey: null },
  step.skipped('dead'),
  inStep({ kind: 'step.queued', data: {} }),
  inStep({ kind: 'step.started', data: { attempt: 1, crashes: 0, worker: 1 } }),
  inStep({ kind: 'turn.started', data: { turn: 1 } }),
  inStep({ kind: 'thought.checkpointed', data: { turn: 1, thought: 'thou', text: '', tokens: [1] } }),
  turn(1, ['c:0', 'c:1']),
  inStep({ kind: 'tool.started', data: { turn: 1, call: call('c:0'), policy: 'repeat' } }),
  inStep({ kind: 'tool.started', data: { turn: 1, call: call('c:1'), policy: 'ask' } }),
  inStep({ kind: 'tool.finished', data: { turn: 1, call: 'c:0', result: { inline: 'page' }, failed: false, ms: 3 } }),
  inStep({
    kind: 'step.retrying',
    data: { failure: { code: 'worker_lost', message: 'gone' }, attempt: 2, dueInMs: 10 },
  }),
  inStep({ kind: 'step.started', data: { attempt: 2, crashes: 1, worker: 2, after: 'worker_lost' } }),
  inStep({ kind: 'tool.in_doubt', data: { call: 'c:1' } }),
  inStep({ kind: 'step.waiting', data: { reason: 'decision' } }),
  inStep({ kind: 'tool.decided', data: { call: 'c:1', decision: 'fail', by: 'ada' } }),
  inStep({ kind: 'step.woken', data: {} }),
  inStep({ kind: 'turn.started', data: { turn: 2 } }),
  inStep({ kind: 'turn.incomplete', data: { turn: 2, reason: 'nothing said', usage } }),
  inStep({ kind: 'window.compacted', data: { hidden: 1 } }),
  turn(2, []),
  inStep({ kind: 'note', data: { text: 'same call again' } }),
  inStep({ kind: 'budget.spent', data: { budget: 'turns' } }),
  inStep({ kind: 'trajectory.started', data: { index: 0 } }),
  inStep({ kind: 'trajectory.finished', data: { index: 0, answer: { inline: 1 } } }),
  inStep({ kind: 'approval.requested', data: { subject: { inline: 'pay' } } }),
  inStep({ kind: 'approval.decided', data: { approved: true, by: 'ada' } }),
  inStep({ kind: 'step.succeeded', data: { output: { inline: { text: 'done' } }, ports: ['out'] } }),
  { stepKey: 'each', kind: 'step.started', data: { attempt: 1, crashes: 0, worker: 1 } },
  {
    stepKey: 'each',
    kind: 'loop.started',
    data: { items: { inline: [1] }, count: 1, concurrency: 1, onItemError: 'fail' },
  },
  { stepKey: 'each', kind: 'iteration.started', data: { index: 0 } },
  step.started('each[0]/x'),
  step.succeeded('each[0]/x'),
  { stepKey: 'each', kind: 'iteration.finished', data: { index: 0, output: { inline: 'each[0]/x' } } },
  step.succeeded('each', ['done']),
  { stepKey: null, kind: 'run.paused', data: { by: 'ada' } },
  { stepKey: null, kind: 'run.resumed', data: { by: 'ada' } },
  step.started('b'),
  step.failed('b'),
  step.started('c'),
  { stepKey: null, kind: 'run.cancel_requested', data: { by: 'ada', reason: 'enough' } },
  step.cancelled('c'),
  { stepKey: null, kind: 'run.cancelled', data: {} },
];

const numbered = (events: readonly NewEvent[]): readonly RunEvent[] =>
  events.map((event, i) => ({
    ...event,
    runId: 'run-1',
    seq: i + 1,
    at: `2026-11-25T00:00:${String(i % 60).padStart(2, '0')}.000Z`,
    epoch: 1,
  }));
const events = numbered(STORY);
const plain = (state: RunState) => ({ ...state, steps: state.steps.toJSON() });

describe('foldRun', () => {
  it('tells the story', () => {
    const state = foldRun(emptyRun(), events);
    expect(state).toMatchObject({
      runId: 'run-1',
      seq: STORY.length,
      state: 'cancelled',
      live: 0,
      settled: 5,
      firstFailure: 'b',
      cancelRequested: { by: 'ada', reason: 'enough' },
      trigger: { node: 't' },
    });
    expect(state.steps.get('dead')).toMatchObject({ state: 'skipped', startedAt: null });
    expect(state.steps.get('think')).toMatchObject({
      state: 'succeeded',
      attempt: 2,
      crashes: 1,
      output: { inline: { text: 'done' } },
      failure: null,
      startedAt: '2026-11-25T00:00:03.000Z',
      agent: {
        turns: 2,
        incomplete: 1,
        tokens: { prompt: 300, completion: 30, cached: 120 },
        calls: 2,
        failedCalls: 0,
        thinking: null,
        lastThought: 'thought 2',
        lastCalls: [
          { id: 'c:0', state: 'succeeded' },
          { id: 'c:1', state: 'failed' },
        ],
        hidden: 1,
      },
    });
    expect(isOver(state)).toBe(true);
  });

  it('has seen every kind there is in these tests', () => {
    const seen = new Set<string>([...STORY.map((one) => one.kind), 'run.succeeded', 'run.failed']);
    expect(EVENT_KINDS.filter((kind) => !seen.has(kind))).toEqual([]);
    for (const { stepKey: _, ...body } of STORY) expect(EventBody.safeParse(body).success, body.kind).toBe(true);
  });

  it('gives the same however the journal is cut, also with overlaps', () => {
    const whole = plain(foldRun(emptyRun(), events));
    for (let cut = 0; cut <= events.length; cut++) {
      const prefix = foldRun(emptyRun(), events.slice(0, cut));
      expect(plain(foldRun(prefix, events.slice(cut))), `cut at ${cut}`).toEqual(whole);
      expect(plain(foldRun(prefix, events)), `everything again after ${cut}`).toEqual(whole);
    }
  });

  it('leaves the state it began from as it was', () => {
    const before = foldRun(emptyRun(), events.slice(0, 5));
    const copy = JSON.stringify(plain(before));
    foldRun(before, events.slice(5));
    expect(JSON.stringify(plain(before))).toBe(copy);
  });

  it('shows waiting while every live step waits, and paused', () => {
    const wait: NewEvent = {
      stepKey: 'a',
      kind: 'step.waiting',
      data: { reason: 'time', until: '2026-12-01T00:00:00Z' },
    };
    expect(runAfter(step.started('a'), wait).state).toBe('waiting');
    expect(runAfter(step.started('a'), wait, step.started('b')).state).toBe('running');
    expect(runAfter(step.started('a'), wait, { stepKey: null, kind: 'run.paused', data: { by: 'x' } }).state).toBe(
      'paused',
    );
    expect(emptyRun().state).toBe('queued');
    expect(runAfter({ stepKey: null, kind: 'run.succeeded', data: { output: { inline: 7 } } })).toMatchObject({
      state: 'succeeded',
      output: { inline: 7 },
    });
    expect(
      runAfter({ stepKey: null, kind: 'run.failed', data: { failure: { code: 'c', message: 'm' } } }),
    ).toMatchObject({ state: 'failed', failure: { code: 'c' } });
  });

  it('stops at a kind it does not know', () => {
    const foreign = JSON.parse('{"kind":"step.teleported","data":{},"seq":2,"stepKey":"a","at":""}');
    expect(() => foldRun(runAfter(), [foreign])).toThrow(NeedsNewerWorker);
    expect(() => foldRun(runAfter(), [foreign])).toThrow(
      expect.objectContaining({ code: 'needs_newer_worker', kind: 'step.teleported' }),
    );
  });

  it('knows the node of a step in a loop', () => {
    expect([nodeOfStep('a'), nodeOfStep('loop[3]/fetch'), nodeOfStep('a[1]/b[2]/agent[0]')]).toEqual([
      'a',
      'fetch',
      'agent',
    ]);
  });
});

describe('foldAgent', () => {
  const own = events.filter((event) => event.stepKey === 'think');

  it('tells the turns, the one thrown away beside the one that took its place', () => {
    const trace = foldAgent(own);
    expect(trace.turns.map((one) => [one.turn, one.state])).toEqual([
      [1, 'finished'],
      [2, 'incomplete'],
      [2, 'finished'],
    ]);
    expect(trace.turns[0]).toMatchObject({
      thought: 'thought 1',
      finishReason: 'stop',
      calls: [
        { call: { id: 'c:0' }, state: 'succeeded', policy: 'repeat', result: { inline: 'page' }, ms: 3 },
        { call: { id: 'c:1' }, state: 'failed', policy: 'ask', decision: 'fail' },
      ],
    });
    expect(trace.turns[2]).toMatchObject({ hidden: 1, notes: ['same call again', 'budget spent: turns'] });
    expect(trace).toMatchObject({ hidden: 1, usage: { prompt: 300, completion: 30, cached: 120 } });
  });

  it('gives the same however the events are cut, and changes no earlier trace', () => {
    const whole = foldAgent(own);
    for (let cut = 0; cut <= own.length; cut++) {
      const prefix = foldAgent(own.slice(0, cut));
      const copy = JSON.stringify(prefix);
      expect(foldAgent(own.slice(cut), prefix), `cut at ${cut}`).toEqual(whole);
      expect(JSON.stringify(prefix)).toBe(copy);
    }
  });
});

describe('PersistentMap', () => {
  it('does what a Map does, for any order of writes, and keeps its earlier selves', () => {
    const random = seeded(3);
    let map = PersistentMap.empty<number>();
    const twin = new Map<string, number>();
    const earlier: (readonly [PersistentMap<number>, number])[] = [];
    for (let i = 0; i < 5_000; i++) {
      const key = `key${Math.floor(random() * 2_000)}`;
      map = map.with(key, i);
      twin.set(key, i);
      if (i % 500 === 0) earlier.push([map, twin.size]);
    }
    expect(new Map(map)).toEqual(twin);
    expect(map.size).toBe(twin.size);
    expect(map.get('nobody')).toBeUndefined();
    for (const [old, size] of earlier) expect(new Map(old).size).toBe(size);
  });

  it('holds keys whose hashes are equal', () => {
    // FNV-1a collides on these two; they must stay two entries.
    const map = PersistentMap.empty<string>().with('costarring', 'a').with('liquid', 'b').with('costarring', 'c');
    expect([map.size, map.get('costarring'), map.get('liquid')]).toEqual([2, 'c', 'b']);
  });
});

describe('D1 a loop of 100,000 items', () => {
  it('is folded in the memory of its newest iterations', () => {
    let state = runAfter(
      { stepKey: 'each', kind: 'step.started', data: { attempt: 1, crashes: 0, worker: 1 } },
      {
        stepKey: 'each',
        kind: 'loop.started',
        data: { items: { inline: [] }, count: 100_000, concurrency: 1, onItemError: 'continue' },
      },
    );
    for (let index = 0; index < 100_000; index++) {
      const failed = index % 10 === 0;
      const key = `each[${index}]/x`;
      state = foldNew(
        state,
        [
          { stepKey: 'each', kind: 'iteration.started', data: { index } },
          failed ? step.failed(key) : step.succeeded(key),
          { stepKey: 'each', kind: 'iteration.finished', data: { index, output: null, ...(failed ? FAILURE : {}) } },
        ],
        '',
      );
    }
    expect(state.steps.size).toBe(ITERATIONS_KEPT + 1);
    expect(state.steps.get('each[99999]/x')?.state).toBe('succeeded');
    expect(state.steps.get('each')?.loop).toMatchObject({ begun: 100_000, finished: 100_000, failed: 10_000 });
    expect(JSON.stringify(state).length).toBeLessThan(100_000);
  });
});

const FAILURE = { failure: { code: 'boom', message: 'broke' } };
