import { describe, expect, it } from 'vitest';
import type { NewEvent } from './event.ts';
import { emptyRun, foldNew } from './fold.ts';
import { compileGraph } from './graph.ts';
import { type Decision, plan } from './plan.ts';
import { planStart } from './plan-start.ts';
import { drawn, node, runAfter, startedBy, step } from './testing/graphs.ts';

const keys = (decision: { readonly open: readonly { readonly key: string }[] }) => decision.open.map((one) => one.key);
const graphOf = (nodes: Parameters<typeof drawn>[0], edges: readonly string[]) => compileGraph(drawn(nodes, edges));

const NOTHING: Decision = {
  open: [],
  skip: [],
  leave: [],
  leaveLoops: [],
  end: null,
  iteration: null,
  stop: [],
  cancel: [],
  look: null,
};

describe('a diamond', () => {
  const graph = graphOf(['t', 'a', 'b', 'c', 'd'], ['t>a', 'a>b', 'a>c', 'b>d', 'c>d']);

  it('opens what follows the trigger', () => {
    expect(keys(plan(graph, runAfter()))).toEqual(['a']);
  });

  it('opens both branches, and the join only after the second', () => {
    expect(keys(plan(graph, runAfter(step.succeeded('a')), ['a']))).toEqual(['b', 'c']);
    expect(plan(graph, runAfter(step.succeeded('a'), step.succeeded('b')), ['b'])).toMatchObject({
      open: [],
      skip: [],
      end: null,
    });
    expect(keys(plan(graph, runAfter(step.succeeded('a'), step.succeeded('b'), step.succeeded('c')), ['c']))).toEqual([
      'd',
    ]);
  });

  it('ends with the output of the one leaf', () => {
    const state = runAfter(...['a', 'b', 'c', 'd'].map((id) => step.succeeded(id)));
    expect(plan(graph, state, ['d'])).toEqual({
      ...NOTHING,
      end: { kind: 'succeeded', output: { inline: 'd' } },
    });
  });

  it('says nothing once the run is over, and nothing before it began', () => {
    expect(plan(graph, emptyRun())).toEqual(NOTHING);
    const over = foldNew(runAfter(), [{ stepKey: null, kind: 'run.cancelled', data: {} }], '');
    expect(plan(graph, over, ['a'])).toEqual(NOTHING);
  });
});

describe('dead branches', () => {
  const branch = node('b', 'branch', { config: { cases: [{ port: 'x', when: 'true' }] } });

  it('skip all that only they reach, and count as arrived-empty at a join', () => {
    const graph = graphOf(
      ['t', branch, 'x1', 'x2', 'y1', 'join'],
      ['t>b', 'b.x>x1', 'x1>x2', 'x2>join', 'b.else>y1', 'y1>join'],
    );
    const decision = plan(graph, runAfter(step.succeeded('b', ['else'])), ['b']);
    expect(decision).toMatchObject({ open: [{ key: 'y1', node: 'y1' }], skip: ['x1', 'x2'], end: null });
    const after = runAfter(step.succeeded('b', ['else']), step.skipped('x1'), step.skipped('x2'), step.succeeded('y1'));
    expect(keys(plan(graph, after, ['y1']))).toEqual(['join']);
  });

  it('end the run when nothing else is left', () => {
    const graph = graphOf(['t', branch, 'x1', 'x2'], ['t>b', 'b.x>x1', 'x1>x2']);
    expect(plan(graph, runAfter(step.succeeded('b', ['else'])), ['b'])).toMatchObject({
      skip: ['x1', 'x2'],
      end: { kind: 'succeeded', output: { inline: 'b' } },
    });
  });

  it('open a join whose live edge had arrived before', () => {
    const graph = graphOf(['t', branch, 'x', 'other', 'join'], ['t>b', 't>other', 'b.x>x', 'x>join', 'other>join']);
    const decision = plan(graph, runAfter(step.succeeded('other'), step.succeeded('b', ['else'])), ['b']);
    expect(decision).toMatchObject({ open: [{ key: 'join', node: 'join' }], skip: ['x'] });
  });

  it('begin at the triggers that did not fire', () => {
    const graph = graphOf(
      ['t', node('u', 'trigger.webhook'), 'a', 'only_u', 'both', 'orphan'],
      ['t>a', 'u>only_u', 'a>both', 'only_u>both'],
    );
    const start = planStart(graph, startedBy('t'));
    expect(start.events.map((one) => one.stepKey).sort()).toEqual(['only_u', 'orphan']);
    expect(keys(start)).toEqual(['a']);
    expect(start.end).toBeNull();
  });

  it('leave nothing to do for a trigger alone', () => {
    expect(planStart(graphOf(['t'], []), startedBy('t'))).toMatchObject({
      events: [],
      open: [],
      end: { kind: 'succeeded', output: null },
    });
    expect(() => planStart(graphOf(['t', 'a'], []), startedBy('a'))).toThrow('not a trigger');
  });
});

describe('failures', () => {
  const branched = (onError: 'fail' | 'continue' | 'port') =>
    graphOf(
      ['t', node('a', 'code', { onError }), 'ok', 'bad', 'aside'],
      ['t>a', 't>aside', 'a>ok', ...(onError === 'port' ? ['a.error>bad'] : ['ok>bad'])],
    );

  it('end the run, once, naming the node and what must stop', () => {
    const graph = branched('fail');
    const state = runAfter(step.started('aside'), step.started('a'), step.failed('a'));
    expect(plan(graph, state, ['a'])).toEqual({
      ...NOTHING,
      stop: ['aside'],
      end: { kind: 'failed', failure: { code: 'boom', message: 'a broke', node: 'a' } },
    });
    const failed = foldNew(
      state,
      [{ stepKey: null, kind: 'run.failed', data: { failure: { code: 'boom', message: 'a broke' } } }],
      '',
    );
    expect(plan(graph, failed, ['a']).end).toBeNull();
  });

  it('name opened steps among those to stop, even when none has started, but not those only now ready', () => {
    const graph = graphOf(['t', 'a', 'aside', 'b', 'next'], ['t>a', 't>aside', 't>b', 'b>next']);
    expect(plan(graph, runAfter(step.failed('a'), step.succeeded('b')), ['a', 'b']).stop).toEqual(['aside']);
  });

  it('still end the run when another step ends before the failure was acted on', () => {
    const graph = branched('fail');
    expect(plan(graph, runAfter(step.failed('a'), step.succeeded('aside')), ['aside'])).toMatchObject({
      open: [],
      end: { kind: 'failed' },
    });
  });

  it('go on by `out` under continue', () => {
    expect(plan(branched('continue'), runAfter(step.failed('a')), ['a'])).toMatchObject({
      open: [{ key: 'ok' }],
      skip: [],
      end: null,
    });
  });

  it('go on by `error` under port, and only there', () => {
    expect(plan(branched('port'), runAfter(step.failed('a')), ['a'])).toMatchObject({
      open: [{ key: 'bad' }],
      skip: ['ok'],
    });
    expect(plan(branched('port'), runAfter(step.succeeded('a')), ['a'])).toMatchObject({
      open: [{ key: 'ok' }],
      skip: ['bad'],
    });
  });

  it('obey the writer that says the run does not go on', () => {
    const fatal: NewEvent = {
      stepKey: 'a',
      kind: 'step.failed',
      data: { failure: { code: 'lost', message: 'm' }, continues: false },
    };
    expect(plan(branched('continue'), runAfter(fatal), ['a']).end).toMatchObject({ kind: 'failed' });
  });
});

describe('cancel and pause', () => {
  const graph = graphOf(['t', 'a', 'b', 'c'], ['t>a', 't>b', 'a>c']);
  const cancel: NewEvent = { stepKey: null, kind: 'run.cancel_requested', data: { by: 'ada' } };

  it('a cancel opens nothing and ends with the last live step', () => {
    const state = runAfter(step.started('a'), step.started('b'), cancel, step.succeeded('a'));
    expect(plan(graph, state, ['a'])).toEqual(NOTHING);
    expect(plan(graph, foldNew(state, [step.cancelled('b')], ''), ['b']).end).toEqual({ kind: 'cancelled' });
  });

  it('a pause opens nothing; looking at the whole graph afterwards finds what was held back', () => {
    const paused = runAfter(
      { stepKey: null, kind: 'run.paused', data: { by: 'ada' } },
      step.started('b'),
      step.succeeded('a'),
    );
    expect(plan(graph, paused, ['a'])).toMatchObject({ open: [], end: null });
    const resumed = foldNew(paused, [{ stepKey: null, kind: 'run.resumed', data: { by: 'ada' } }], '');
    expect(keys(plan(graph, resumed))).toEqual(['c']);
  });
});

describe('the output of a run', () => {
  it('is that of the last respond that ran', () => {
    const graph = graphOf(['t', node('r1', 'respond'), node('r2', 'respond'), 'after'], ['t>r1', 't>r2', 'r2>after']);
    const state = runAfter(step.succeeded('r2'), step.succeeded('r1'), step.succeeded('after'));
    expect(plan(graph, state, ['after']).end).toEqual({ kind: 'succeeded', output: { inline: 'r1' } });
  });

  it('is an object of the leaves when there are several, those that were skipped left out', () => {
    const branch = node('b', 'branch', { config: { cases: [{ port: 'x', when: 'true' }] } });
    const graph = graphOf(['t', branch, 'x', 'y', 'z'], ['t>b', 'b.x>x', 'b.else>y', 't>z']);
    const state = runAfter(step.succeeded('b', ['x']), step.skipped('y'), step.succeeded('z'), step.succeeded('x'));
    expect(plan(graph, state, ['x']).end).toEqual({
      kind: 'succeeded',
      output: { leaves: { z: { inline: 'z' }, x: { inline: 'x' } } },
    });
  });
});
