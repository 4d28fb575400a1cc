import { AgentFailure, ModelError, ToolInDoubt } from '@switchyard/agent';
import { ExpressionError } from '@switchyard/pipeline';
import { SandboxError } from '@switchyard/sandbox';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { asStepError, failureOf, LeaseLost, StepError, StopRequested, WaitRequested } from './errors.ts';
import { OutboundError } from './outbound/index.ts';

const retryOf = (thrown: unknown) => {
  const error = asStepError(thrown);
  return error instanceof StepError ? [error.code, error.retry] : error.name;
};

test.each([
  [
    'a model that is overloaded',
    new ModelError('model_overloaded', 'm', { retryable: true, hint: 'h' }),
    ['model_overloaded', 'failed'],
  ],
  [
    'a model that refuses the key',
    new ModelError('model_unauthorized', 'm', { retryable: false, hint: 'h' }),
    ['model_unauthorized', 'never'],
  ],
  ['an agent that gives up', new AgentFailure('no_progress', 'm', 'h'), ['no_progress', 'failed']],
  [
    'a name that cannot be found for now',
    new OutboundError('dns_failed', 'm', { retryable: true }),
    ['dns_failed', 'failed'],
  ],
  ['an address that is refused', new OutboundError('egress_denied', 'm'), ['egress_denied', 'never']],
  ['code that throws', new SandboxError('sandbox_error', 'm', 3), ['sandbox_error', 'never']],
  ['a sandbox that died', new SandboxError('sandbox_crashed', 'm'), ['sandbox_crashed', 'worker_lost']],
  ['an expression that fails', new ExpressionError('unknown_name', 'm'), ['unknown_name', 'never']],
  ['config that does not fit', z.string().safeParse(1).error, ['invalid_config', 'never']],
  ['a bug', new TypeError('x is not a function'), ['unexpected', 'failed']],
  ['something that is no error', 'text', ['unexpected', 'failed']],
  ['a call in doubt', new ToolInDoubt('call:1'), 'WaitRequested'],
  ['a stop', new StopRequested(), 'StopRequested'],
  ['a lost lease', new LeaseLost(), 'LeaseLost'],
  ['a wait', new WaitRequested({ reason: 'time' }), 'WaitRequested'],
])('%s', (_name, thrown, expected) => {
  expect(retryOf(thrown)).toEqual(expected);
});

test('a failure tells people what to do and programs the code', () => {
  const error = asStepError(new SandboxError('sandbox_error', 'boom', 3));
  if (!(error instanceof StepError)) throw error;
  expect(failureOf(error, 'sum')).toEqual({
    code: 'sandbox_error',
    message: 'boom',
    hint: expect.stringContaining('code of the node'),
    node: 'sum',
    details: { line: 3 },
  });
});
