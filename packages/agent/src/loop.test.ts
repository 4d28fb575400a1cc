import { describe, expect, test } from 'vitest';
import { BLOCKED, REPEATED_NOTE } from './guard.ts';
import { runAgent } from './loop.ts';
import type { ScriptedReply } from './scripted/model-server.ts';
import { asHistory, testJournal, testPorts, testRequest, testTool } from './scripted/ports.ts';
import { call, failure, inOrder, kinds, model, results, step, walker } from './scripted/scene.ts';

describe('a turn', () => {
  test('an answer at once', async () => {
    const server = await model(inOrder({ thought: 'Easy.', text: 'Yes.' }));
    const journal = testJournal();
    const result = await runAgent(testRequest(), [], testPorts(server.baseUrl, { journal }));
    expect(result).toEqual({
      text: 'Yes.',
      turns: 1,
      calls: 0,
      usage: { prompt: 15, completion: 10, cached: 1 },
      partial: false,
    });
    expect(kinds(journal.events)).toEqual(['turn.started', 'turn.finished']);
    expect(journal.events[1]?.data).toMatchObject({
      turn: 1,
      model: 'scripted',
      thought: 'Easy.',
      text: 'Yes.',
      calls: [],
      finishReason: 'stop',
      tokens: [...'Easy.\0Yes.'].map((char) => char.charCodeAt(0)),
    });
  });

  test('the intent is written with the turn, before the tool runs, and thoughts go back verbatim', async () => {
    const server = await model(inOrder(call('a'), { text: 'Done.' }));
    const journal = testJournal();
    const seen: string[][] = [];
    const look = testTool('look', () => {
      seen.push(kinds(journal.events));
      return 'result a';
    });
    await runAgent(testRequest(), [], testPorts(server.baseUrl, { journal, tools: [look] }));
    expect(seen).toEqual([['turn.started', 'turn.finished', 'tool.started']]);
    expect(journal.appends.map((append) => [append.intent, ...kinds(append.events)])).toEqual([
      [false, 'turn.started'],
      [true, 'turn.finished', 'tool.started'],
      [false, 'tool.finished', 'turn.started'],
      [false, 'turn.finished'],
    ]);
    expect(server.requests[1]?.messages.slice(2)).toEqual([
      {
        role: 'assistant',
        content: '',
        reasoning_content: 'I call a.',
        reasoning: 'I call a.',
        tool_calls: [{ id: 'functions.look:0', type: 'function', function: { name: 'look', arguments: '{"x":"a"}' } }],
      },
      { role: 'tool', tool_call_id: 'functions.look:0', content: 'result a' },
    ]);
  });

  test('calls of one turn run side by side, each result written as it comes', async () => {
    const both: ScriptedReply = {
      calls: ['slow', 'fast'].map((x, i) => ({
        id: `functions.look:${i}`,
        name: 'look',
        arguments: JSON.stringify({ x }),
      })),
    };
    const server = await model(inOrder(both, { text: 'Done.' }));
    const journal = testJournal();
    let release = (): void => undefined;
    const slow = new Promise<void>((resolve) => {
      release = resolve;
    });
    const look = testTool('look', async ({ x }) => {
      if (x === 'slow') await slow;
      else setImmediate(release);
      return `result ${x}`;
    });
    await runAgent(testRequest(), [], testPorts(server.baseUrl, { journal, tools: [look] }));
    expect(journal.events.flatMap((event) => (event.kind === 'tool.finished' ? [event.data.call] : []))).toEqual([
      'functions.look:1',
      'functions.look:0',
    ]);
    expect(results(server.requests[1])).toEqual(['result slow', 'result fast']);
  });

  test('a throwing tool, an unknown tool and bad arguments are results', async () => {
    const bad: ScriptedReply = {
      calls: [
        { id: 'a', name: 'look', arguments: '{"x":"boom"}' },
        { id: 'b', name: 'nothing', arguments: '{}' },
        { id: 'c', name: 'look', arguments: '[1]' },
        { id: 'd', name: 'look', arguments: '{"y":1}' },
        { id: 'e', name: 'look', arguments: '{"x":5}' },
        { id: 'f', name: 'look', arguments: '{"x":' },
      ],
    };
    const server = await model(inOrder(bad, { text: 'Done.' }));
    const look = testTool('look', () => Promise.reject(new Error('two\nlines')));
    const journal = testJournal();
    await runAgent(testRequest(), [], testPorts(server.baseUrl, { journal, tools: [look] }));
    expect(results(server.requests[1])).toEqual([
      'error: two lines',
      'error: there is no tool "nothing"; the tools are look',
      'error: the arguments are not a JSON object',
      'error: the argument "x" is missing',
      'error: the argument "x" must be of type string',
      'error: the arguments are not JSON',
    ]);
    expect(look.asked).toHaveLength(1);
    expect(journal.events.filter((event) => event.kind === 'tool.started')).toHaveLength(1);
  });

  test('the openai dialect sends no field the protocol does not have', async () => {
    const server = await model(inOrder(call('a', 'call_1'), { text: 'Done.' }));
    await runAgent(testRequest(), [], testPorts(server.baseUrl, { dialect: 'openai', tools: [step()] }));
    expect(Object.keys(server.requests[1] ?? {}).sort()).toEqual([
      'max_tokens',
      'messages',
      'model',
      'seed',
      'stream',
      'stream_options',
      'temperature',
      'tools',
    ]);
    expect(server.requests[1]?.messages[2]).toEqual({
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'look', arguments: '{"x":"a"}' } }],
    });
  });
});

describe('bounds', () => {
  test('the same call with the same result: note, block, end', async () => {
    const server = await model(() => call('same', 'functions.look:0'));
    const look = testTool('look', () => 'same result');
    const error = await failure(
      runAgent(testRequest({ retakes: 0 }), [], testPorts(server.baseUrl, { tools: [look] })),
    );
    expect(error).toMatchObject({ code: 'no_progress' });
    expect(look.asked).toHaveLength(3);
    expect(server.requests).toHaveLength(5);
    expect(results(server.requests[3])).toEqual(['same result', 'same result', `same result\n${REPEATED_NOTE}`]);
    expect(results(server.requests[4]).at(-1)).toBe(BLOCKED);
  });

  test('unknown tools count, and the order of members does not matter', async () => {
    const server = await model((_request, number) => ({
      calls: [{ id: `c${number}`, name: 'nothing', arguments: number % 2 ? '{"a":1,"b":2}' : '{"b":2,"a":1}' }],
    }));
    expect(
      await failure(runAgent(testRequest({ retakes: 0 }), [], testPorts(server.baseUrl, { tools: [step()] }))),
    ).toMatchObject({ code: 'no_progress' });
  });

  test('asking again for something that changes is work', async () => {
    let n = 0;
    const server = await model((_request, number) => (number <= 8 ? call('status', `c${number}`) : { text: 'Done.' }));
    const look = testTool('look', () => `state ${n++}`);
    expect((await runAgent(testRequest(), [], testPorts(server.baseUrl, { tools: [look] }))).calls).toBe(8);
  });

  test('when the turns are used up there is one last turn without tools', async () => {
    const server = await model((request) => (request.tools ? walker(100)(request, 0) : { text: 'as far as I came' }));
    const journal = testJournal();
    const result = await runAgent(
      testRequest({ maxTurns: 4 }),
      [],
      testPorts(server.baseUrl, { journal, tools: [step()] }),
    );
    expect([result.text, result.turns, result.calls, result.partial]).toEqual(['as far as I came', 5, 4, true]);
    expect(journal.events).toContainEqual({ kind: 'budget.spent', data: { budget: 'turns' } });
    const resumed = await runAgent(
      testRequest({ maxTurns: 4 }),
      asHistory(journal.events),
      testPorts(server.baseUrl, { tools: [step()] }),
    );
    expect(resumed).toEqual(result);
  });
});
