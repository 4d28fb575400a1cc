import { describe, expect, it } from 'vitest';
import { readChatRequest, readPrompt } from './chat-request.ts';
import { readModelCard, shippedModel } from './models.ts';

const card = readModelCard(shippedModel());
const control = new Map([...card.tokenizer.vocabulary.controlByText].map(([text, id]) => [id, text]));
const tool = (name: string) => ({ type: 'function', function: { name } });
const call = (id: string, name: string) => ({ id, type: 'function', function: { name, arguments: '{}' } });
const user = { role: 'user', content: 'go' };

/** A prompt as text, control tokens spelled out. */
function shown(body: unknown): string {
  return Buffer.concat(
    readPrompt(body, card).map((id) => Buffer.from(control.get(id) ?? card.tokenizer.bytes(id))),
  ).toString();
}

describe('histories as clients send them', () => {
  it.each([{ reasoning: 'R' }, { reasoning_content: 'R' }])('takes the thought in either spelling: %j', (thought) => {
    const messages = [
      user,
      { role: 'assistant', content: '', ...thought, tool_calls: [call('functions.f:0', 'f')] },
      { role: 'tool', tool_call_id: 'functions.f:0', content: '1' },
    ];
    expect(shown({ messages })).toContain('<think>R</think><|tool_calls_section_begin|>');
  });

  it('a tool turn without a thought gets an empty one', () => {
    const messages = [user, { role: 'assistant', content: null, tool_calls: [call('functions.f:0', 'f')] }];
    expect(shown({ messages })).toContain('<think></think><|tool_calls_section_begin|>');
  });

  it('content "" and ids like search:2 render as the model knows them', () => {
    const messages = [
      user,
      { role: 'assistant', content: '', tool_calls: [call('search:2', 'search')] },
      { role: 'tool', tool_call_id: 'search:2', content: 'x' },
    ];
    const text = shown({ messages });
    expect(text).toContain('<|tool_call_begin|>functions.search:0<|tool_call_argument_begin|>{}<|tool_call_end|>');
    expect(text).toContain('## Return of functions.search:0\nx<|im_end|>');
  });

  it('joins text parts, and treats developer as system', () => {
    const text = shown({
      messages: [
        { role: 'developer', content: 'D' },
        {
          role: 'user',
          name: 'Ada',
          content: [
            { type: 'text', text: 'a' },
            { type: 'text', text: 'b' },
          ],
        },
      ],
    });
    expect(text).toBe(
      '<|im_system|>system<|im_middle|>D<|im_end|><|im_user|>Ada<|im_middle|>ab<|im_end|><|im_assistant|>assistant<|im_middle|>',
    );
  });

  it('tools: [] and no tools are the same prompt', () => {
    expect(readPrompt({ messages: [user], tools: [] }, card)).toEqual(readPrompt({ messages: [user] }, card));
  });
});

describe('what the engine is told', () => {
  const job = (change: object) => readChatRequest({ model: 'pocket', messages: [user], ...change }, card, () => 17);

  it('defaults', () => {
    const { generation, stream, includeUsage } = job({});
    expect(generation.sampling).toEqual({ temperature: 1, topP: 1, seed: 17 });
    expect(generation.maxTokens).toBe(2048 - generation.prompt.length);
    expect([stream, includeUsage]).toEqual([false, false]);
  });

  it('max_completion_tokens wins over max_tokens, and both are cut to the room', () => {
    expect(job({ max_tokens: 9, max_completion_tokens: 5 }).generation.maxTokens).toBe(5);
    expect(job({ max_tokens: 1e6 }).generation.maxTokens).toBeLessThan(2048);
  });

  it.each([
    [{}, { names: ['a', 'b'], required: false }],
    [{ tool_choice: 'none' }, { names: [], required: false }],
    [{ tool_choice: 'required' }, { names: ['a', 'b'], required: true }],
    [{ tool_choice: { type: 'function', function: { name: 'b' } } }, { names: ['b'], required: true }],
    [{ parallel_tool_calls: false }, { parallel: false }],
  ])('%j', (change, calls) => {
    expect(job({ tools: [tool('a'), tool('b')], ...change }).calls).toMatchObject(calls);
  });

  it.each([3_000, 4_000_000])('refuses %i words that do not fit, naming both numbers', (words) => {
    const messages = [{ role: 'user', content: 'a '.repeat(words) }];
    expect(() => job({ messages })).toThrow(/maximum context length is 2048 tokens, the prompt holds (at least )?\d+/);
  });

  it('the next call id goes on above a hidden history', () => {
    const messages = [
      user,
      { role: 'system', content: 'Earlier steps 1-159 are hidden.' },
      { role: 'assistant', content: '', tool_calls: [call('functions.a:159', 'a')] },
      { role: 'tool', tool_call_id: 'functions.a:159', content: 'x' },
    ];
    expect(job({ messages, tools: [tool('a')] }).calls.nextIndex).toBe(160);
  });
});
