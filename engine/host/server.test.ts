import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChatCompletion, ChatCompletionChunk, TokenizeAnswer, WireError } from './api.ts';
import { KEY, type RunningEngine, startEngine } from './engine-under-test.ts';
import type { EngineStats } from './model-protocol.ts';
import { shippedModel } from './models.ts';

let engine: RunningEngine;
beforeAll(async () => {
  engine = await startEngine(shippedModel());
}, 60_000);
afterAll(() => engine.close());

type Options = { readonly key?: string; readonly type?: string; readonly signal?: AbortSignal };
const headersOf = ({ key = KEY, type = 'application/json' }: Options): Record<string, string> => ({
  authorization: `Bearer ${key}`,
  'content-type': type,
});

function post(path: string, body: unknown, options: Options = {}): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return fetch(engine.url + path, {
    method: 'POST',
    headers: headersOf(options),
    body: text,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
}

const getJson = async <T>(path: string): Promise<T> =>
  (await fetch(engine.url + path, { headers: headersOf({}) })).json() as Promise<T>;
const stats = (): Promise<EngineStats> => getJson<EngineStats>('/v1/stats');

/** Waits for a condition of the engine, never for a time. */
async function until(condition: (now: EngineStats) => boolean): Promise<EngineStats> {
  for (;;) {
    const now = await stats();
    if (condition(now)) return now;
  }
}

const chat = (change: object = {}) => ({
  model: 'pocket',
  temperature: 0,
  messages: [{ role: 'user', content: 'Compute 4*25-7.' }],
  ...change,
});
const tool = {
  type: 'function',
  function: {
    name: 'run_code',
    description: 'Run JavaScript and return the value of the last expression.',
    parameters: { type: 'object', properties: { code: { type: 'string' } }, required: ['code'] },
  },
};

async function complete(change: object = {}): Promise<ChatCompletion> {
  const response = await post('/v1/chat/completions', chat(change));
  expect(response.status).toBe(200);
  return (await response.json()) as ChatCompletion;
}

async function stream(
  change: object = {},
): Promise<{ readonly chunks: readonly ChatCompletionChunk[]; readonly last: string }> {
  const response = await post('/v1/chat/completions', chat({ ...change, stream: true }));
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const events = (await response.text()).split('\n\n').filter(Boolean);
  expect(events.every((event) => event.startsWith('data: '))).toBe(true);
  return {
    chunks: events.slice(0, -1).map((event) => JSON.parse(event.slice(6)) as ChatCompletionChunk),
    last: events.at(-1) ?? '',
  };
}

describe('routes and keys', () => {
  it('tells its health to anyone and nothing else', async () => {
    expect((await fetch(`${engine.url}/health`)).status).toBe(200);
    for (const path of ['/v1/models', '/v1/models/pocket', '/v1/stats', '/v1/nothing', '/'])
      expect((await fetch(engine.url + path)).status).toBe(401);
    expect((await post('/v1/chat/completions', chat(), { key: 'wrong' })).status).toBe(401);
    expect((await post('/v1/tokenize', chat(), { key: '' })).status).toBe(401);
  });

  it('lists its model', async () => {
    expect(await getJson('/v1/models')).toMatchObject({
      object: 'list',
      data: [{ id: 'pocket', object: 'model', context_window: 2048 }],
    });
    expect(await getJson('/v1/models/pocket')).toMatchObject({ id: 'pocket' });
    expect((await fetch(`${engine.url}/v1/models/other`, { headers: headersOf({}) })).status).toBe(404);
  });

  it('knows its methods', async () => {
    expect((await post('/v1/models', {})).status).toBe(405);
    expect((await post('/v1/unknown', {})).status).toBe(404);
  });

  it('counts a prompt exactly', async () => {
    const counted = (await (await post('/v1/tokenize', chat({ tools: [tool] }))).json()) as TokenizeAnswer;
    expect(counted.tokens).toHaveLength(counted.count);
    expect((await complete({ tools: [tool] })).usage.prompt_tokens).toBe(counted.count);
  });
});

describe('bad requests end alone', () => {
  it.each([
    ['no JSON', '{', 400, 'invalid_json'],
    ['no messages', { model: 'pocket' }, 400, 'invalid_request'],
    ['a wrong role', chat({ messages: [{ role: 'robot', content: 'x' }] }), 400, 'invalid_request'],
    [
      'an image',
      chat({ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] }),
      400,
      'invalid_request',
    ],
    ['a wrong temperature', chat({ temperature: 'hot' }), 400, 'invalid_request'],
    ['another model', chat({ model: 'gpt' }), 404, 'model_not_found'],
    ['several choices', chat({ n: 2 }), 400, 'invalid_request'],
    ['a duplicate tool', chat({ tools: [tool, tool] }), 400, 'duplicate_tool'],
    ['required without tools', chat({ tools: [], tool_choice: 'required' }), 400, 'invalid_tool_choice'],
    [
      'an undeclared named tool',
      chat({ tools: [tool], tool_choice: { type: 'function', function: { name: 'other' } } }),
      400,
      'invalid_tool_choice',
    ],
    ['an unknown tool_choice', chat({ tools: [tool], tool_choice: 'sometimes' }), 400, 'invalid_request'],
    ['a finished partial turn', chat({ partial_token_ids: [2018] }), 400, 'invalid_request'],
    ['ids beyond the vocabulary', chat({ partial_token_ids: [99_999] }), 400, 'invalid_request'],
    [
      'a prompt beyond the context',
      chat({ messages: [{ role: 'user', content: 'word 12 '.repeat(2_000) }] }),
      400,
      'context_length_exceeded',
    ],
    ['a body beyond the limit', `"${'x'.repeat(9 * 1024 * 1024)}"`, 413, 'body_too_large'],
  ])('%s', async (_, body, status, code) => {
    // A server that stops reading an oversized body may reset the connection before the client has read the answer.
    const response = await post('/v1/chat/completions', body).catch(() => null);
    if (response !== null) {
      expect(response.status).toBe(status);
      expect(((await response.json()) as WireError).error.code).toBe(code);
    }
    expect(response !== null || status === 413).toBe(true);
    expect((await fetch(`${engine.url}/health`)).status).toBe(200);
  });

  it('names the offending field', async () => {
    const { error } = (await (
      await post('/v1/chat/completions', chat({ messages: [{ role: 'user', content: 5 }] }))
    ).json()) as WireError;
    expect(error.param).toBe('messages[0].content');
  });

  it('takes JSON only', async () => {
    expect((await post('/v1/chat/completions', chat(), { type: 'text/plain' })).status).toBe(415);
  });

  it('ignores fields it does not know', async () => {
    expect((await complete({ metadata: { a: 1 }, user: 'x', max_tokens: 3 })).usage.completion_tokens).toBe(3);
  });
});

describe('answers', () => {
  it('calls a tool, with thought in both spellings', async () => {
    const { choices, usage } = await complete({ tools: [tool], return_token_ids: true });
    expect(choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: {
        content: null,
        tool_calls: [{ id: 'functions.run_code:0', type: 'function', function: { name: 'run_code' } }],
      },
    });
    expect(choices[0].message.reasoning).toBe(choices[0].message.reasoning_content);
    expect(choices[0].token_ids).toHaveLength(usage.completion_tokens);
    expect(choices[0].token_ids?.at(-1)).toBe(2018);
  });

  it('a stream holds what the whole answer holds', async () => {
    const whole = await complete({ tools: [tool] });
    const { chunks, last } = await stream({
      tools: [tool],
      return_token_ids: true,
      stream_options: { include_usage: true },
    });
    expect(last).toBe('data: [DONE]');
    const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta));
    const { message } = whole.choices[0];
    expect(deltas[0]).toEqual({ role: 'assistant', content: '' });
    expect(deltas.map((delta) => delta.reasoning ?? '').join('')).toBe(message.reasoning);
    const pieces = deltas.flatMap((delta) => delta.tool_calls ?? []);
    expect(pieces[0]).toEqual({
      index: 0,
      id: 'functions.run_code:0',
      type: 'function',
      function: { name: 'run_code', arguments: '' },
    });
    expect(pieces.map((piece) => piece.function.arguments).join('')).toBe(message.tool_calls?.[0]?.function.arguments);
    expect(chunks.flatMap(({ choices }) => choices.map((choice) => choice.finish_reason)).filter(Boolean)).toEqual([
      'tool_calls',
    ]);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: whole.usage.completion_tokens } });
    expect(chunks.flatMap(({ choices }) => choices.flatMap((choice) => choice.token_ids ?? []))).toHaveLength(
      whole.usage.completion_tokens,
    );
  });

  it('sends usage in a stream only when asked', async () => {
    const { chunks } = await stream({ max_tokens: 2 });
    expect(chunks.some((chunk) => chunk.usage !== undefined)).toBe(false);
    expect(chunks.every((chunk) => chunk.choices.length === 1)).toBe(true);
  });

  it('counts call ids on from a history', async () => {
    const calls = [
      {
        id: 'functions.run_code:41',
        type: 'function',
        function: { name: 'run_code', arguments: '{"code": "4*25-7"}' },
      },
    ];
    const messages = [
      { role: 'user', content: 'Compute 4*25-7.' },
      { role: 'assistant', content: null, reasoning: 'I compute.', tool_calls: calls },
      { role: 'tool', tool_call_id: 'functions.run_code:41', content: '93' },
      { role: 'user', content: 'Compute 3*7-1.' },
    ];
    const { choices } = await complete({ messages, tools: [tool], tool_choice: 'required' });
    expect(choices[0].message.tool_calls?.[0]?.id).toBe('functions.run_code:42');
    expect(choices[0].finish_reason).toBe('tool_calls');
  });

  it('tool_choice none makes no call and keeps the tools in the prompt', async () => {
    const { choices, usage } = await complete({ tools: [tool], tool_choice: 'none', max_tokens: 60 });
    expect(choices[0].message.tool_calls).toBeUndefined();
    expect(usage.prompt_tokens).toBe((await complete({ tools: [tool], max_tokens: 1 })).usage.prompt_tokens);
  });

  it('tools: [] is the same as none', async () => {
    expect((await complete({ tools: [], max_tokens: 1 })).usage.prompt_tokens).toBe(
      (await complete({ max_tokens: 1 })).usage.prompt_tokens,
    );
  });

  it('ends with length inside a thought, and leaves a cut call out', async () => {
    const short = await complete({ max_tokens: 5 });
    expect(short.choices[0]).toMatchObject({ finish_reason: 'length', message: { content: '' } });
    expect(short.choices[0].message.reasoning).not.toBe('');
    const whole = await complete({ tools: [tool] });
    const cut = await complete({ tools: [tool], max_tokens: whole.usage.completion_tokens - 4 });
    expect(cut.choices[0].finish_reason).toBe('length');
    expect(cut.choices[0].message.tool_calls).toBeUndefined();
  });

  it('ends at a stop text without leaking it', async () => {
    const messages = [{ role: 'user', content: 'What can you do!' }];
    const whole = (await complete({ messages })).choices[0].message.content ?? '';
    expect(whole.length).toBeGreaterThan(30);
    const stop = whole.slice(12, 20);
    const { choices } = await complete({ messages, stop: [stop] });
    expect(choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: { content: whole.slice(0, whole.indexOf(stop)) },
    });
  });

  it.each([0, 1])('continues a cut turn exactly, at temperature %i', async (temperature) => {
    const request = { tools: [tool], temperature, seed: 99, return_token_ids: true };
    const whole = await complete(request);
    const ids = whole.choices[0].token_ids ?? [];
    for (const cut of [1, 8, ids.length - 6, ids.length - 2]) {
      const rest = await complete({ ...request, partial_token_ids: ids.slice(0, cut) });
      expect(rest.choices[0].token_ids).toEqual(ids.slice(cut));
      expect(rest.choices[0].finish_reason).toBe(whole.choices[0].finish_reason);
    }
  });

  it('a seed repeats a result, another seed changes it', async () => {
    const at = async (seed: number): Promise<readonly number[]> =>
      (await complete({ temperature: 1.5, seed, max_tokens: 30, return_token_ids: true })).choices[0].token_ids ?? [];
    const [one, again, other] = [await at(1), await at(1), await at(2)];
    expect(again).toEqual(one);
    expect(other).not.toEqual(one);
  });

  it('streams to the openai package with only base URL and key changed', async () => {
    const client = new OpenAI({ baseURL: `${engine.url}/v1`, apiKey: KEY });
    const answer = await client.chat.completions.create({
      model: 'pocket',
      messages: [
        { role: 'system', content: 'You are Kimi, an AI assistant created by Moonshot AI.' },
        {
          role: 'user',
          content:
            'Solve this step by step: A train leaves Station A at 60 mph. Another leaves Station B at 80 mph. They are 280 miles apart. When do they meet?',
        },
      ],
      temperature: 1.0,
      max_tokens: 4096,
      stream: true,
    });
    let thought = '';
    let text = '';
    const reasons: string[] = [];
    for await (const chunk of answer) {
      const delta: { content?: string | null; reasoning_content?: string } = chunk.choices[0]?.delta ?? {};
      thought += delta.reasoning_content ?? '';
      text += delta.content ?? '';
      if (chunk.choices[0]?.finish_reason) reasons.push(chunk.choices[0].finish_reason);
    }
    expect(thought).not.toBe('');
    expect(text).not.toBe('');
    expect(reasons).toEqual(['stop']);
  });
});

describe('sharing the model', () => {
  const prompts = [
    'What is 15 percent of 80?',
    'Compute 4*25-7.',
    'Uma drives 120 miles in 3 hours. What is the average speed?',
    'What can you do!',
  ];
  const request = (content: string, seed: number) => ({
    messages: [{ role: 'user', content }],
    tools: [tool],
    temperature: 1,
    seed,
    return_token_ids: true,
  });

  it('concurrent requests equal solo ones', async () => {
    const solo: unknown[] = [];
    for (const [i, prompt] of prompts.entries()) solo.push((await complete(request(prompt, i))).choices);
    const together = await Promise.all(prompts.map(async (prompt, i) => (await complete(request(prompt, i))).choices));
    expect(together).toEqual(solo);
  });

  it('takes the known prefix from the cache without changing the result', async () => {
    const messages = [{ role: 'user', content: 'Compute 17*3+1900 and say which value it has.' }];
    const first = await complete({ messages, tools: [tool] });
    const second = await complete({ messages, tools: [tool] });
    expect(second.choices).toEqual(first.choices);
    expect(second.usage.prompt_tokens_details?.cached_tokens).toBe(first.usage.prompt_tokens - 1);
    const longer = await complete({
      messages: [...messages, { role: 'user', content: 'Now.' }],
      tools: [tool],
      max_tokens: 1,
    });
    expect(longer.usage.prompt_tokens_details?.cached_tokens).toBeGreaterThanOrEqual(first.usage.prompt_tokens - 5);
  });

  it.each([true, false])('a client that leaves frees its slot (stream %s)', async (streaming) => {
    const before = await stats();
    const controller = new AbortController();
    const gone = post(
      '/v1/chat/completions',
      chat({ temperature: 2, seed: 3, stream: streaming, messages: [{ role: 'user', content: 'a 1 '.repeat(450) }] }),
      { signal: controller.signal },
    ).then((response) => response.text());
    await until(({ prefilled_tokens }) => prefilled_tokens > before.prefilled_tokens);
    controller.abort();
    await expect(gone).rejects.toThrow();
    const after = await until(
      ({ active, waiting, cancelled }) => active + waiting === 0 && cancelled === before.cancelled + 1,
    );
    await complete({ max_tokens: 1 });
    const later = await stats();
    expect(later.decoded_tokens).toBe(after.decoded_tokens + 1);
    expect(later.cache.conversations - after.cache.conversations).toBeLessThanOrEqual(1);
  });

  it('counts its work', async () => {
    const before = await stats();
    const { usage } = await complete({ messages: [{ role: 'user', content: 'Compute 5*5+1234.' }] });
    const after = await stats();
    expect(after.requests - before.requests).toBe(1);
    expect(after.decoded_tokens - before.decoded_tokens).toBe(usage.completion_tokens);
    expect(after.prefilled_tokens - before.prefilled_tokens).toBe(
      usage.prompt_tokens - (usage.prompt_tokens_details?.cached_tokens ?? 0),
    );
    expect(after.cached_tokens - before.cached_tokens).toBe(usage.prompt_tokens_details?.cached_tokens);
  });
});
