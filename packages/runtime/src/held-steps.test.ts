import { expect, test } from 'vitest';
import { LeaseLost, StopRequested } from './errors.ts';
import { HeldSteps } from './held-steps.ts';

const lease = (stepKey: string, rest: object = {}) => ({ runId: 'r', stepKey, epoch: 1, stop: false, ...rest });

test('a step is in one pair of hands', () => {
  const held = new HeldSteps();
  const first = held.begin('r', 'a');
  expect(held.begin('r', 'a')).toBeNull();
  if (first) held.end(first);
  expect(held.begin('r', 'a')).not.toBeNull();
});

test('a lease nobody knows of is an orphan only when it is named twice', () => {
  const held = new HeldSteps();
  held.begin('r', 'known', 1);
  expect(held.compare([lease('known'), lease('ghost')])).toEqual([]);
  expect(held.compare([lease('known'), lease('ghost')])).toEqual([lease('ghost')]);
  expect(held.compare([lease('known'), lease('other')])).toEqual([]);
});

test('a stop reaches the step it names, and no later holding of the same step', () => {
  const held = new HeldSteps();
  const a = held.begin('r', 'a', 1);
  const b = held.begin('r', 'b', 7);
  held.compare([lease('a', { stop: true }), lease('b', { stop: true, epoch: 6 })]);
  expect(a?.abort.signal.reason).toBeInstanceOf(StopRequested);
  expect(b?.abort.signal.aborted).toBe(false);
});

test('when the leases are gone, everything is', () => {
  const held = new HeldSteps();
  const a = held.begin('r', 'a', 1);
  held.loseAll('gone');
  expect(a?.abort.signal.reason).toBeInstanceOf(LeaseLost);
});

test('a hint of a later epoch proves a lease lost, and waits until the step is let go', async () => {
  const held = new HeldSteps();
  const a = held.begin('r', 'a', 2);
  await held.makeWay({ runId: 'r', stepKey: 'a', epoch: 1 }); // the hint it was claimed by, doubled
  expect(a?.abort.signal.aborted).toBe(false);
  const way = held.makeWay({ runId: 'r', stepKey: 'a', epoch: 3 });
  expect(a?.abort.signal.reason).toBeInstanceOf(LeaseLost);
  if (a) held.end(a);
  await way;
  expect(held.begin('r', 'a')).not.toBeNull();
});
