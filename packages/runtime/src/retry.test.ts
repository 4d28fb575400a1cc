import { RetryPolicy } from '@switchyard/pipeline';
import { expect, test } from 'vitest';
import { RetryableError, TerminalError, TimedOutError } from './errors.ts';
import { CRASH_LIMIT, nextAttemptInMs, survivesCrash } from './retry.ts';

const passing = new RetryableError('x', 'x');
const policy = (given: object) => ({ retry: RetryPolicy.parse(given) });
const MIDDLE = 0.5; // no jitter

test('the back-off doubles with each attempt, up to an hour', () => {
  const node = policy({ attempts: 100, backoffSeconds: 2 });
  expect([1, 2, 3, 50].map((attempt) => nextAttemptInMs(node, passing, attempt, MIDDLE))).toEqual([
    2_000, 4_000, 8_000, 3_600_000,
  ]);
});

test('jitter is a tenth either way', () => {
  const node = policy({ attempts: 2, backoffSeconds: 10 });
  expect([0, 0.999_999].map((fraction) => nextAttemptInMs(node, passing, 1, fraction))).toEqual([9_000, 11_000]);
});

test.each([
  ['no policy', {}, passing, 1],
  ['attempts used up', policy({ attempts: 2 }), passing, 2],
  ['what cannot be mended', policy({ attempts: 9 }), new TerminalError('x', 'x'), 1],
  ['a kind the policy does not name', policy({ attempts: 9, on: ['failed'] }), new TimedOutError(1), 1],
])('no further attempt: %s', (_name, node, error, attempt) => {
  expect(nextAttemptInMs(node, error, attempt, MIDDLE)).toBeNull();
});

test('a lost worker is survived, but not for ever, and not against the policy', () => {
  expect(survivesCrash({}, 1)).toBe(true);
  expect(survivesCrash({}, CRASH_LIMIT + 1)).toBe(false);
  expect(survivesCrash(policy({ on: ['failed'] }), 0)).toBe(true);
  expect(survivesCrash(policy({ on: ['failed'] }), 1)).toBe(false);
});
