import { describe, expect, it } from 'vitest';
import type { NewEvent } from './event.ts';
import { compileGraph } from './graph.ts';
import { plan } from './plan.ts';
import { drawn, node, runAfter, step } from './testing/graphs.ts';

/* Three branches of two steps into one join: `a > a2`, `b > b2`, `c > c2`; `aside` hangs on `c2` too. */

const meeting = (config: Record<string, string | number>) =>
  compileGraph(
    drawn(
      ['t', 'a', 'a2', 'b', 'b2', 'c', 'c2', 'aside', node('meet', 'join', { config }), 'end'],
      ['t>a', 't>b', 't>c', 'a>a2', 'b>b2', 'c>c2', 'a2>meet', 'b2>meet', 'c2>meet', 'c2>aside', 'meet>end'],
    ),
  );
const ran = (key: string): readonly NewEvent[] => [step.started(key), step.succeeded(key)];
const nothing = (key: string): readonly NewEvent[] => [step.started(key), step.succeeded(key, [])];

/** What follows when the last of these events' steps has settled. */
function after(config: Record<string, string | number>, ...events: readonly (readonly NewEvent[])[]) {
  const settled = events.at(-1)?.at(-1)?.stepKey ?? '';
  const { open, skip, leave, end } = plan(meeting(config), runAfter(...events.flat()), [settled]);
  return { open: open.map(({ key }) => key), skip, leave, end: end?.kind ?? null };
}

const BEGUN = [ran('a'), ran('b'), [step.started('c')]];

describe('a join', () => {
  it('of mode all waits for every branch that may still come', () => {
    expect(after({ mode: 'all' }, ...BEGUN, ran('b2'), ran('a2')).open).toEqual([]);
    const all = [ran('a'), ran('b'), ran('c'), ran('a2'), ran('b2'), ran('c2')];
    expect(after({ mode: 'all' }, ...all).open).toEqual(['meet', 'aside']);
  });

  it('of mode any goes on at the first arrival, once, and lets the others run on', () => {
    expect(after({ mode: 'any' }, ...BEGUN, ran('a2'))).toEqual({ open: ['meet'], skip: [], leave: [], end: null });
    expect(after({ mode: 'any' }, ...BEGUN, ran('a2'), ran('b2')).open).toEqual([]);
    expect(after({ mode: 'any' }, ...BEGUN, ran('a2'), ran('meet'), ran('b2')).open).toEqual([]);
  });

  it('of mode first stops what leads only to it: live steps are left, others skipped, what others need stays', () => {
    const { open, skip, leave } = after({ mode: 'first' }, ...BEGUN, [step.started('b2')], ran('a2'));
    expect(open).toEqual(['meet']);
    expect([skip, leave]).toEqual([[], ['b2']]);
    const early = after({ mode: 'first' }, ran('a'), [step.started('b')], [step.started('c')], ran('a2'));
    expect([early.open, early.skip, early.leave]).toEqual([['meet'], ['b2'], ['b']]);
  });

  it('of mode first counts no branch that ends with nothing as an arrival', () => {
    expect(after({ mode: 'first' }, ...BEGUN, nothing('a2')).open).toEqual([]);
  });

  it('with a quorum goes on at so many arrivals, whatever their order', () => {
    expect(after({ mode: 'quorum', count: 2 }, ...BEGUN, ran('a2')).open).toEqual([]);
    expect(after({ mode: 'quorum', count: 2 }, ...BEGUN, ran('a2'), ran('b2')).open).toEqual(['meet']);
    expect(after({ mode: 'quorum', count: 2 }, ...BEGUN, ran('b2'), ran('a2')).open).toEqual(['meet']);
  });

  it('whose quorum cannot be met any more begins, to fail by its own evaluation, and begins once', () => {
    const lost = [ran('a'), ran('b'), ran('c'), ran('a2'), nothing('b2')];
    expect(after({ mode: 'quorum', count: 3 }, ...lost).open).toEqual(['meet']);
    expect(after({ mode: 'quorum', count: 3 }, ...lost, ran('c2')).open).toEqual(['aside']);
  });

  it.each([['all'], ['any'], ['first'], ['quorum']])(
    'of mode %s is skipped, with what follows it, when nothing arrives',
    (mode) => {
      const config: Record<string, string | number> = mode === 'quorum' ? { mode, count: 2 } : { mode };
      const { open, skip, end } = after(
        config,
        ran('a'),
        ran('b'),
        ran('c'),
        nothing('a2'),
        nothing('b2'),
        nothing('c2'),
      );
      expect(open).toEqual([]);
      expect(skip.toSorted()).toEqual(['aside', 'end', 'meet']);
      expect(end).toBe('succeeded');
    },
  );
});
