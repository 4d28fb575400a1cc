import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createChatModel } from './chat-model.ts';
import type { ChatDelta, ChatRequest } from './contract.ts';
import { ModelError } from './errors.ts';
import { type ScriptedModel, type ScriptedReply, startScriptedModel } from './scripted/model-server.ts';
import { testClock } from './scripted/ports.ts';

let server: ScriptedModel;
beforeAll(async () => {
  server = await startScriptedModel(() => ({ text: 'unused' }));
});
afterAll(() => server.close());

const request: ChatRequest = { messages: [{ role: 'user', content: 'Hi' }], tools: [], temperature: 1, maxTokens: 10 };
const connect = (more: Partial<Parameters<typeof createChatModel>[0]> = {}) =>
  createChatModel({
    baseUrl: server.baseUrl,
    apiKey: 'secret',
    model: 'm',
    dialect: 'kimi',
    http: fetch,
    clock: testClock(),
    ...more,
  });

async function chat(reply: ScriptedReply, more: Partial<Parameters<typeof createChatModel>[0]> = {}) {
  server.script = () => reply;
  const deltas: ChatDelta[] = [];
  return {
    reply: await connect(more).chat(request, {
      signal: new AbortController().signal,
      onDelta: (delta) => deltas.push(delta),
    }),
    deltas,
  };
}

async function failure(run: Promise<unknown>): Promise<ModelError> {
  const error = await run.then(
    () => expect.fail('it answered'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ModelError)) throw error;
  return error;
}

const chunk = (delta: Record<string, unknown>, finish: string | null = null): string =>
  JSON.stringify({ model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] });
const calls = (...pieces: Record<string, unknown>[]): string => chunk({ tool_calls: pieces });
const END = chunk({}, 'tool_calls');
const A = { id: 'a', name: 'one', arguments: '{"x":1}' };
const B = { id: 'b', name: 'two', arguments: '{"y":2}' };

describe('calls are put together however they come', () => {
  test.each<[string, string[], unknown[]]>([
    [
      'id, index and pieces',
      [
        calls({ index: 0, id: 'a', function: { name: 'one', arguments: '' } }),
        calls({ index: 0, function: { arguments: '{"x"' } }),
        calls({ index: 0, function: { arguments: ':1}' } }),
      ],
      [A],
    ],
    [
      'whole calls in one delta',
      [
        calls(
          { index: 0, id: 'a', function: { name: 'one', arguments: '{"x":1}' } },
          { index: 1, id: 'b', function: { name: 'two', arguments: '{"y":2}' } },
        ),
      ],
      [A, B],
    ],
    [
      'woven pieces of two',
      [
        calls({ index: 0, id: 'a', function: { name: 'one' } }),
        calls({ index: 1, id: 'b', function: { name: 'two' } }),
        calls({ index: 0, function: { arguments: '{"x":1}' } }),
        calls({ index: 1, function: { arguments: '{"y":2}' } }),
      ],
      [A, B],
    ],
    [
      'no index at all',
      [
        calls({ id: 'a', function: { name: 'one', arguments: '{"x"' } }),
        calls({ function: { arguments: ':1}' } }),
        calls({ id: 'b', function: { name: 'two', arguments: '{"y":2}' } }),
      ],
      [A, B],
    ],
    [
      'one index for both',
      [
        calls({ index: 0, id: 'a', function: { name: 'one', arguments: '{"x":1}' } }),
        calls({ index: 0, id: 'b', function: { name: 'two', arguments: '{"y":2}' } }),
      ],
      [A, B],
    ],
    [
      'id and name repeated with every piece',
      [
        calls({ index: 0, id: 'a', function: { name: 'one', arguments: '{"x"' } }),
        calls({ index: 0, id: 'a', function: { name: 'one', arguments: ':1}' } }),
      ],
      [A],
    ],
    [
      'empty strings for what is not meant',
      [
        calls({ index: 0, id: 'a', function: { name: 'one', arguments: '' } }),
        calls({ index: 0, id: '', function: { name: '', arguments: '{"x":1}' } }),
        chunk({ content: '', tool_calls: [] }),
      ],
      [A],
    ],
    [
      'an id that comes late',
      [
        calls({ index: 0, function: { name: 'one' } }),
        calls({ index: 0, id: 'a', function: { arguments: '{"x":1}' } }),
      ],
      [A],
    ],
    ['no arguments', [calls({ index: 0, id: 'a', function: { name: 'one' } })], [{ ...A, arguments: '{}' }]],
    [
      'null where nothing is',
      [
        calls({ index: 0, id: 'a', function: { name: 'one', arguments: null } }),
        chunk({ content: null, reasoning: null, tool_calls: null }),
        calls({ index: 0, id: null, function: { name: null, arguments: '{"x":1}' } }),
      ],
      [A],
    ],
  ])('%s', async (_name, lines, expected) => {
    expect((await chat({ raw: [...lines, END, '[DONE]'] })).reply.calls).toEqual(expected);
  });

  test('a whole message instead of deltas, as JSON', async () => {
    const message = {
      role: 'assistant',
      content: 'Text.',
      reasoning: 'Why.',
      tool_calls: [{ id: 'a', type: 'function', function: { name: 'one', arguments: '{"x":1}' } }],
    };
    const body = JSON.stringify({
      model: 'other',
      choices: [{ index: 0, message, finish_reason: 'tool_calls', token_ids: [5, 6] }],
      usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 },
    });
    const { reply } = await chat({ status: 200, body });
    expect(reply).toEqual({
      model: 'other',
      thought: 'Why.',
      text: 'Text.',
      calls: [A],
      finishReason: 'tool_calls',
      usage: { prompt: 3, completion: 4, cached: 0 },
      tokens: [5, 6],
    });
  });
});

describe('thought and text', () => {
  test.each(['reasoning_content', 'reasoning'])('the thought as %s', async (field) => {
    const { reply } = await chat({
      raw: [
        chunk({ [field]: 'Grü' }),
        chunk({ [field]: 'ße', content: '' }),
        chunk({ content: 'Ja.' }),
        chunk({}, 'stop'),
        '[DONE]',
      ],
    });
    expect([reply.thought, reply.text]).toEqual(['Grüße', 'Ja.']);
  });

  test('both spellings in one delta are one thought', async () => {
    expect((await chat({ thought: 'Once.', text: 'Yes.' })).reply.thought).toBe('Once.');
  });

  test('deltas carry the tokens of each piece', async () => {
    const { deltas, reply } = await chat({ thought: 'ab', text: 'c' });
    expect(deltas.flatMap((delta) => delta.tokens ?? [])).toEqual(reply.tokens);
  });
});

describe('failures', () => {
  test.each<[number, ModelError['code'], boolean]>([
    [400, 'model_refused', false],
    [401, 'model_unauthorized', false],
    [403, 'model_unauthorized', false],
    [404, 'model_not_found', false],
    [429, 'model_overloaded', true],
    [500, 'model_failed', true],
    [503, 'model_overloaded', true],
  ])('status %i', async (status, code, retryable) => {
    const error = await failure(chat({ status, body: '{"error":{"message":"the reason","type":"t"}}' }));
    expect([error.code, error.retryable]).toEqual([code, retryable]);
    expect(error.message).toContain('the reason');
    expect(error.hint).not.toBe('');
    expect(`${error.message}${error.hint}`).not.toContain('secret');
  });

  test('nobody there', async () => {
    expect(await failure(chat({}, { baseUrl: 'http://127.0.0.1:1/v1' }))).toMatchObject({
      code: 'model_unreachable',
      retryable: true,
    });
  });

  test('a stream that ends or breaks without a finish', async () => {
    expect(await failure(chat({ raw: [chunk({ content: 'half' })] }))).toMatchObject({
      code: 'model_failed',
      retryable: true,
    });
    expect(await failure(chat({ text: 'half a text', breakAfter: 5 }))).toMatchObject({
      code: 'model_failed',
      retryable: true,
    });
  });

  test('an end without [DONE] is an end', async () => {
    expect((await chat({ raw: [chunk({ content: 'all' }, 'stop')] })).reply.text).toBe('all');
  });

  test('an error inside the stream, and nonsense', async () => {
    expect(await failure(chat({ raw: ['{"error":{"message":"out of memory","type":"server_error"}}'] }))).toMatchObject(
      { code: 'model_failed', retryable: true },
    );
    expect(await failure(chat({ raw: ['{"error":{"message":"bad","type":"invalid_request_error"}}'] }))).toMatchObject({
      retryable: false,
    });
    expect(await failure(chat({ raw: ['<html>'] }))).toMatchObject({ code: 'model_protocol', retryable: false });
  });

  test('silence is noticed and the connection closed', async () => {
    const clock = testClock();
    const before = server.closed.count;
    server.script = () => ({ text: 'begun and then nothing', pauseAfter: 3, pause: new Promise(() => undefined) });
    let heard = '';
    const run = failure(
      connect({ clock, idleMs: 60_000 }).chat(request, {
        signal: new AbortController().signal,
        onDelta: (delta) => (heard += delta.text ?? ''),
      }),
    );
    await expect.poll(() => heard).toBe('be');
    clock.advance(59_000);
    clock.advance(1_001);
    expect(await run).toMatchObject({ code: 'model_idle', retryable: true });
    await expect.poll(() => server.closed.count).toBe(before + 1);
  });

  test('an abort closes the connection and gives its own reason', async () => {
    const before = server.closed.count;
    server.script = () => ({ text: 'begun', pauseAfter: 3, pause: new Promise(() => undefined) });
    const stop = new AbortController();
    const reason = new Error('cancelled');
    const run = connect().chat(request, { signal: stop.signal, onDelta: (delta) => delta.text && stop.abort(reason) });
    await expect(run).rejects.toBe(reason);
    await expect.poll(() => server.closed.count).toBe(before + 1);
  });
});

describe('counting', () => {
  test('is the server’s where it can, else an estimate', async () => {
    server.countsTokens = true;
    expect(await connect().countTokens({ messages: [{ role: 'user', content: 'Hi!' }], tools: [] })).toBe(3);
    server.countsTokens = false;
    const estimate = await connect().countTokens({
      messages: [{ role: 'user', content: 'Hi!'.repeat(100) }],
      tools: [],
    });
    expect(estimate).toBeGreaterThan(100);
    expect(
      await connect({ dialect: 'openai' }).countTokens({
        messages: [{ role: 'user', content: 'Hi!'.repeat(100) }],
        tools: [],
      }),
    ).toBe(estimate);
  });
});
