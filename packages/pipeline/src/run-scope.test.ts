import { describe, expect, it } from 'vitest';
import type { PipelineDocument } from './document.ts';
import { evaluatePure } from './evaluate-pure.ts';
import type { Json, NewEvent, StoredValue } from './event.ts';
import { emptyRun, foldNew } from './fold.ts';
import { compileGraph } from './graph.ts';
import { planStart } from './plan-start.ts';
import { runOutputValue } from './run-output.ts';
import { resolveNodeConfig, scopeOf, valuesNeeded } from './run-scope.ts';
import { drawn, node, startedBy, step } from './testing/graphs.ts';
import { load, type Ridden, ride } from './testing/ride.ts';

/** Starts a run and rides on from its trigger. */
function run(document: PipelineDocument, input: Json): Ridden {
  const graph = compileGraph(document);
  const started = startedBy('t');
  const start = planStart(graph, { ...started, data: { ...started.data, input: { inline: input } } });
  const before = foldNew(emptyRun(), [{ ...start.started, stepKey: null }, ...start.events], '');
  return ride(graph, before, ['t']);
}

const transform = (id: string, expression: string) => node(id, 'transform', { config: { expression } });
const brief = (events: readonly NewEvent[]) => events.map((event) => `${event.kind} ${event.stepKey}`);

describe('a run of real nodes', () => {
  const triage = drawn(
    [
      't',
      transform('size', 'size(run.input.text)'),
      node('route', 'branch', {
        config: {
          cases: [
            { port: 'long', when: 'steps.size.output > 5' },
            { port: 'short', when: 'steps.size.output > 0' },
          ],
        },
      }),
      transform('long', '"long: " + run.input.text'),
      node('work', 'code', { config: { code: 'return 1' } }),
      node('say', 'respond', {
        config: {
          body: { size: '{{ steps.size.output }}', long: '{{ steps.long.output }}', note: 'n={{ steps.size.output }}' },
        },
      }),
    ],
    ['t>size', 'size>route', 'route.long>long', 'route.short>work', 'route.else>say', 'long>say', 'work>say'],
  );

  it('rides a chain of pure steps to the end in one go, and writes what separate steps would', () => {
    const { events, open, end } = run(triage, { text: 'a long text' });
    expect(brief(events)).toEqual([
      'step.started size',
      'step.succeeded size',
      'step.started route',
      'step.succeeded route',
      'step.skipped work',
      'step.started long',
      'step.succeeded long',
      'step.started say',
      'step.succeeded say',
    ]);
    expect(open).toEqual([]);
    expect(end?.kind === 'succeeded' ? runOutputValue(end.output, load) : end).toEqual({
      status: 200,
      headers: {},
      body: { size: 11, long: 'long: a long text', note: 'n=11' },
    });
  });

  it('stops where work begins', () => {
    const { events, open, end, state } = run(triage, { text: 'abc' });
    expect(brief(events)).toEqual([
      'step.started size',
      'step.succeeded size',
      'step.started route',
      'step.succeeded route',
      'step.skipped long',
    ]);
    expect(open).toEqual([{ key: 'work', node: 'work' }]);
    expect(end).toBeNull();
    expect(state.seq).toBe(1 + events.length);
  });

  it('goes on after the work, reading skipped steps as null', () => {
    const { state } = run(triage, { text: 'abc' });
    const done = foldNew(state, [step.started('work'), step.succeeded('work')], '');
    const { end } = ride(compileGraph(triage), done, ['work']);
    expect(end?.kind === 'succeeded' ? runOutputValue(end.output, load) : end).toMatchObject({
      body: { size: 3, long: null, note: 'n=3' },
    });
  });

  it('rides 300 pure steps', () => {
    const ids = Array.from({ length: 300 }, (_, i) => transform(`n${i}`, i === 0 ? '1' : `steps.n${i - 1}.output + 1`));
    const { events, end } = run(
      drawn(
        ['t', ...ids],
        ids.map((_, i) => (i === 0 ? 't>n0' : `n${i - 1}>n${i}`)),
      ),
      null,
    );
    expect(events).toHaveLength(600);
    expect(end).toEqual({ kind: 'succeeded', output: { inline: 300 } });
  });

  it('ends the run when a pure step fails, with the node and a reason a person can use', () => {
    const { events, end, open } = run(
      drawn(['t', transform('a', 'run.input.missing'), 'other'], ['t>a', 't>other']),
      {},
    );
    expect(brief(events)).toEqual(['step.started a', 'step.failed a']);
    expect(end).toMatchObject({
      kind: 'failed',
      failure: { code: 'no_such_key', node: 'a', hint: expect.stringContaining('or(') },
    });
    expect(open).toEqual([]);
  });

  it('follows onError of a pure step, and the steps after it read why', () => {
    const failing = node('a', 'transform', { config: { expression: 'run.input.missing' }, onError: 'port' });
    const { end } = run(
      drawn(
        ['t', failing, transform('why', 'steps.a.error.code'), transform('well', '1')],
        ['t>a', 'a.error>why', 'a>well'],
      ),
      {},
    );
    expect(end).toEqual({ kind: 'succeeded', output: { inline: 'no_such_key' } });
    const continuing = { ...failing, onError: 'continue' as const };
    expect(
      run(drawn(['t', continuing, transform('after', 'steps.a.output == null')], ['t>a', 'a>after']), {}).end,
    ).toEqual({ kind: 'succeeded', output: { inline: true } });
  });
});

describe('what a step sees', () => {
  const document = drawn(
    [
      't',
      transform('a', '1'),
      transform('b', '2'),
      transform('c', 'steps.a.output'),
      transform('any', 'steps[run.input].output'),
    ],
    ['t>a', 't>b', 'a>c', 'b>c', 'c>any'],
  );
  const graph = compileGraph(document);
  const blob: StoredValue = {
    blob: { sha256: 'f'.repeat(64), bytes: 9, mediaType: 'application/json', head: '', tail: '' },
  };
  const state = foldNew(
    emptyRun(),
    [
      { ...startedBy('t'), stepKey: null },
      { stepKey: 'a', kind: 'step.succeeded', data: { output: blob, ports: ['out'] } },
      step.succeeded('b'),
    ],
    '',
  );
  const at = (id: string) => graph.nodes.get(id)?.node ?? node('none');

  it('is the steps it refers to, so that only their blobs are loaded', () => {
    expect(Object.keys(scopeOf(graph, state, { node: at('c'), key: 'c' }, load).steps)).toEqual(['a']);
    expect(valuesNeeded(graph, state, { node: at('c'), key: 'c' })).toEqual([{ inline: { a: 1 } }, blob]);
    expect(scopeOf(graph, state, { node: at('c'), key: 'c' }, load).steps.a).toEqual({
      output: `blob ${'f'.repeat(64)}`,
      error: null,
    });
  });

  it('is all steps where it cannot be told', () => {
    expect(Object.keys(scopeOf(graph, state, { node: at('any'), key: 'any' }, load).steps).sort()).toEqual([
      'a',
      'any',
      'b',
      'c',
    ]);
  });

  it('gives a config with defaults filled in, or says which field does not fit', () => {
    const scope = scopeOf(graph, state, { node: at('c'), key: 'c' }, load);
    expect(
      resolveNodeConfig(node('h', 'http', { config: { url: 'https://x/{{ run.input.a }}' } }), scope),
    ).toMatchObject({ method: 'GET', url: 'https://x/1', timeoutSeconds: 30, failOnStatus: true });
    expect(() => resolveNodeConfig(node('h', 'http', { config: { url: '{{ run.input.a }}' } }), scope)).toThrow(
      expect.objectContaining({ code: 'config_invalid', message: expect.stringContaining('url') }),
    );
  });

  it('of a bad config makes a failure, not a crash', () => {
    expect(
      evaluatePure(
        node('r', 'respond', { config: { status: '{{ "many" }}' } }),
        scopeOf(graph, state, { node: at('c'), key: 'c' }, load),
      ),
    ).toMatchObject({ failure: { code: 'config_invalid', node: 'r' } });
    expect(
      evaluatePure(
        node('b', 'branch', { config: { cases: [{ port: 'x', when: '1' }] } }),
        scopeOf(graph, state, { node: at('c'), key: 'c' }, load),
      ),
    ).toMatchObject({ failure: { code: 'not_boolean' } });
    expect(() => evaluatePure(node('h', 'http'), scopeOf(graph, state, { node: at('c'), key: 'c' }, load))).toThrow(
      'not a pure node type',
    );
  });
});
