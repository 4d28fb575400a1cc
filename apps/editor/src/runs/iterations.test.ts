import { emptyRun, foldNew, type NewEvent, nodeOfStep } from '@switchyard/pipeline';
import { describe, expect, it } from 'vitest';
import { drawnSteps, keyShown, keysBeside, stepsByNode } from './iterations.ts';

const began = (stepKey: string): NewEvent => ({
  stepKey,
  kind: 'step.started',
  data: { attempt: 1, crashes: 0, worker: 1 },
});
const loop = (stepKey: string, count: number): NewEvent => ({
  stepKey,
  kind: 'loop.started',
  data: { items: { inline: [] }, count, concurrency: count, onItemError: 'fail' },
});
const iteration = (stepKey: string, index: number): NewEvent => ({
  stepKey,
  kind: 'iteration.started',
  data: { index },
});

/** A run in which a loop of as many items as asked has begun all of them. */
function looping(count: number) {
  const body = Array.from({ length: count }, (_, index) => [iteration('each', index), began(`each[${index}]/x`)]);
  return foldNew(emptyRun(), [began('each'), loop('each', count), ...body.flat(), began('beside')], '');
}

describe('steps in loops', () => {
  it('a node of a loop means its newest iteration, by number and not by letter', () => {
    const run = looping(12);
    expect(keyShown(run, 'x')).toBe('each[11]/x');
    expect(keysBeside(run, 'each[3]/x').slice(8, 11)).toEqual(['each[8]/x', 'each[9]/x', 'each[10]/x']);
    expect(
      stepsByNode(run)
        .get('x')
        ?.map(({ key }) => key),
    ).toEqual(keysBeside(run, 'x'));
  });

  it('a whole key and a node outside of loops mean themselves, also before they begin', () => {
    const run = looping(2);
    expect(['each[0]/x', 'beside', 'later', 'each[7]/x'].map((chosen) => keyShown(run, chosen))).toEqual([
      'each[0]/x',
      'beside',
      'later',
      'each[7]/x',
    ]);
    expect(nodeOfStep(keyShown(emptyRun(), 'x'))).toBe('x');
  });

  it('nested iterations come in the order of the outer loop first', () => {
    const run = foldNew(emptyRun(), ['a[1]/b[0]/x', 'a[0]/b[10]/x', 'a[0]/b[9]/x', 'a[0]/b[2]/x'].map(began), '');
    expect(keysBeside(run, 'x')).toEqual(['a[0]/b[2]/x', 'a[0]/b[9]/x', 'a[0]/b[10]/x', 'a[1]/b[0]/x']);
  });

  it('of many iterations the newest are drawn', () => {
    const drawn = drawnSteps(stepsByNode(looping(150)).get('x') ?? []);
    expect([drawn.length, drawn[0]?.key, drawn.at(-1)?.key]).toEqual([100, 'each[50]/x', 'each[149]/x']);
  });
});
