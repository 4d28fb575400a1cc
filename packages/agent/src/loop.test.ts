import { afterEach, describe, expect, test } from 'vitest';
import type { AgentEvent, AgentRequest, AgentResult, Tool } from './contract.ts';
import { AgentFailure, ToolInDoubt } from './errors.ts';
import { BLOCKED, REPEATED_NOTE } from './guard.ts';
import { runAgent } from './loop.ts';
import { type ScriptedModel, type ScriptedReply, type SeenRequest, type Script, startScriptedModel } from './scripted/model-server.ts';
import { asHistory, testClock, testJournal, testPorts, testRequest, testTool } from './scripted/ports.ts';

const open: ScriptedModel[] = [];
afterEach(async () => {
  for (const model of open.splice(0)) await model.close();
});

async function model(script: Script): Promise<ScriptedModel> {
  const started = await startScriptedModel(script);
  open.push(started);
  return started;
}

const inOrder =
  (...replies: ScriptedReply[]): Script =>
  (_request, number) =>
    replies[number - 1] ?? { text: 'the script is at its end' };
const call = (x: string, id?: string): ScriptedReply => ({ thought: `I call ${x}.`, calls: [{ name: 'look', arguments: JSON.stringify({ x }), ...(id ? { id } : {}) }] });
const kinds = (events: readonly AgentEvent[]): string[] => events.map((event) => event.kind);
const results = (request: SeenRequest | undefined): (string | null)[] => (request?.messages ?? []).filter((message) => message.role === 'tool').map((message) => message.content);

async function failure(run: Promise<AgentResult>): Promise<unknown> {
  return run.then(
    (value) => expect.fail(`it answered ${value.text}`),
    (error: unknown) => error,
  );
}

/** Walks a chain `0 → 1 → … → last`, deciding only from what it is shown, as a model does. */
const walker =
  (last: number): Script =>
  ({ messages }) => {
    const at = Number(messages.findLast((message) => message.role === 'tool')?.content?.slice(4) ?? 0);
    const shown = messages.flatMap((message) => message.tool_calls ?? []);
    const hidden = Number(/1-(\d+) /.exec(messages[2]?.role === 'system' ? (messages[2].content ?? '') : '')?.[1] ?? 0);
    return at === last ? { thought: 'There.', text: `end ${at}` } : { thought: `Now ${at}.`, calls: [{ id: `functions.look:${hidden + shown.length}`, name: 'look', arguments: JSON.stringify({ x: String(at) }) }] };
  };
const step = (): ReturnType<typeof testTool> => testTool('look', ({ x }) => `now ${Number(x) + 1}`);

describe('a turn', () => {
  test('an answer at once', async () => {
    const server = await model(inOrder({ thought: 'Easy.', text: 'Yes.' }));
    const journal = testJournal();
    const result = await runAgent(testRequest(), [], testPorts(server.baseUrl, { journal }));
    expect(result).toEqual({ text: 'Yes.', turns: 1, calls: 0, usage: { prompt: 15, completion: 10, cached: 1 }, partial: false });
    expect(kinds(journal.events)).toEqual(['turn.started', 'turn.finished']);
    expect(journal.events[1]?.data).toMatchObject({ turn: 1, model: 'scripted', thought: 'Easy.', text: 'Yes.', calls: [], finishReason: 'stop', tokens: [...'Easy.\0Yes.'].map((char) => char.charCodeAt(0)) });
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
      { role: 'assistant', content: '', reasoning_content: 'I call a.', reasoning: 'I call a.', tool_calls: [{ id: 'functions.look:0', type: 'function', function: { name: 'look', arguments: '{"x":"a"}' } }] },
      { role: 'tool', tool_call_id: 'functions.look:0', content: 'result a' },
    ]);
  });

  test('calls of one turn run side by side, each result written as it comes', async () => {
    const both: ScriptedReply = { calls: ['slow', 'fast'].map((x, i) => ({ id: `functions.look:${i}`, name: 'look', arguments: JSON.stringify({ x }) })) };
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
    expect(journal.events.flatMap((event) => (event.kind === 'tool.finished' ? [event.data.call] : []))).toEqual(['functions.look:1', 'functions.look:0']);
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
    expect(Object.keys(server.requests[1] ?? {}).sort()).toEqual(['max_tokens', 'messages', 'model', 'seed', 'stream', 'stream_options', 'temperature', 'tools']);
    expect(server.requests[1]?.messages[2]).toEqual({ role: 'assistant', content: null, tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'look', arguments: '{"x":"a"}' } }] });
  });
});

describe('after a crash', () => {
  const withoutTimes = (events: readonly AgentEvent[]): unknown[] => events.map((event) => ({ ...event, data: { ...event.data, ms: 0, modelMs: 0 } }));

  test.each([
    ['with room', 100_000],
    ['with a small window', 120],
  ])('the run ends as it would have, wherever it was cut, %s', async (_name, windowTokens) => {
    const request = testRequest({ windowTokens });
    const whole = testJournal();
    const server = await model(walker(9));
    const end = await runAgent(request, [], testPorts(server.baseUrl, { journal: whole, tools: [step()] }));
    expect(whole.events.some((event) => event.kind === 'window.compacted')).toBe(windowTokens === 120);
    let written: AgentEvent[] = [];
    for (const cut of whole.appends) {
      written = [...written, ...cut.events];
      const journal = testJournal();
      const look = step();
      expect(await runAgent(request, asHistory(written), testPorts(server.baseUrl, { journal, tools: [look] }))).toEqual(end);
      // the same events, the same hashes of the same prompts; and no recorded result asked for again
      expect(withoutTimes([...written, ...journal.events])).toEqual(withoutTimes(whole.events));
      expect(look.asked).toHaveLength(9 - written.filter((event) => event.kind === 'tool.finished').length);
    }
  });

  const intent: AgentEvent[] = [
    { kind: 'turn.started', data: { turn: 1 } },
    { kind: 'turn.finished', data: { turn: 1, model: 'm', requestSha256: '', thought: '', text: '', calls: [{ id: 'functions.look:0', name: 'look', arguments: '{"x":"a"}' }], finishReason: 'tool_calls', usage: { prompt: 1, completion: 1 }, modelMs: 1 } },
  ];
  const begun = (policy: Tool['policy']): AgentEvent[] => [...intent, { kind: 'tool.started', data: { turn: 1, call: { id: 'functions.look:0', name: 'look', arguments: '{"x":"a"}' }, policy } }];
  const resume = async (tool: ReturnType<typeof testTool>, events: AgentEvent[]) => {
    const server = await model(inOrder({ text: 'Done.' }));
    const journal = testJournal();
    const end = await runAgent(testRequest(), asHistory(events), testPorts(server.baseUrl, { journal, tools: [tool] })).catch((error: unknown) => error);
    return { end, journal, result: results(server.requests[0])[0] };
  };

  test('policy repeat makes the call again under the same key', async () => {
    const keys: string[] = [];
    const look = testTool('look', (_args, { idempotencyKey }) => {
      keys.push(idempotencyKey);
      return 'again';
    });
    expect((await resume(look, begun('repeat'))).result).toBe('again');
    expect(keys).toEqual(['run/agent/functions.look:0']);
  });

  test('policy fail tells the model', async () => {
    const look = step();
    expect((await resume(look, begun('fail'))).result).toMatch(/^error: the worker was lost/);
    expect(look.asked).toEqual([]);
  });

  test('policy verify asks the tool, and makes the call only if nothing is known', async () => {
    const known = testTool('look', () => 'made', { verify: async () => 'found' });
    expect((await resume(known, begun('verify'))).result).toBe('found');
    expect(known.asked).toEqual([]);
    expect((await resume(testTool('look', () => 'made', { verify: async () => null }), begun('verify'))).result).toBe('made');
  });

  test.each(['ask', 'verify'] as const)('policy %s (without a way to verify) waits for a person, once', async (policy) => {
    const look = step();
    const first = await resume(look, begun(policy));
    expect(first.end).toBeInstanceOf(ToolInDoubt);
    expect(kinds(first.journal.events)).toEqual(['tool.in_doubt']);
    const again = await resume(look, [...begun(policy), ...first.journal.events]);
    expect(again.end).toBeInstanceOf(ToolInDoubt);
    expect(again.journal.events).toEqual([]);
    expect(look.asked).toEqual([]);
    const decided = (decision: 'repeat' | 'use' | 'fail'): AgentEvent[] => [...begun(policy), ...first.journal.events, { kind: 'tool.decided', data: { call: 'functions.look:0', decision, by: 'me' } }];
    expect((await resume(look, decided('use'))).result).toMatch(/carried out/);
    expect((await resume(look, decided('fail'))).result).toMatch(/^error: /);
    expect(look.asked).toEqual([]);
    expect((await resume(look, decided('repeat'))).result).toMatch(/^now/);
    expect(look.asked).toHaveLength(1);
  });

  test('a call that our own stop cut off has no result', async () => {
    const server = await model(inOrder(call('a'), { text: 'no' }));
    const journal = testJournal();
    const stop = new AbortController();
    const look = testTool('look', (_args, { signal }) => {
      stop.abort(new Error('stopped'));
      return Promise.reject(signal.reason);
    });
    expect(await failure(runAgent(testRequest(), [], testPorts(server.baseUrl, { journal, tools: [look], signal: stop.signal })))).toEqual(new Error('stopped'));
    expect(kinds(journal.events)).toEqual(['turn.started', 'turn.finished', 'tool.started']);
  });

  test('a lost lease ends everything, and no effect begins', async () => {
    const server = await model(inOrder(call('a')));
    const lost = new Error('lease lost');
    const look = step();
    const journal = testJournal((append) => {
      if (append.intent) throw lost;
    });
    expect(await failure(runAgent(testRequest(), [], testPorts(server.baseUrl, { journal, tools: [look] })))).toBe(lost);
    expect(look.asked).toEqual([]);
  });
});

describe('a stream that breaks', () => {
  test('goes on from its last token in the same process', async () => {
    const turn: ScriptedReply = { thought: 'A long thought.', text: 'The answer.' };
    const server = await model((_request, number) => (number === 1 ? { ...turn, breakAfter: 10 } : turn));
    const journal = testJournal();
    expect((await runAgent(testRequest(), [], testPorts(server.baseUrl, { journal }))).text).toBe('The answer.');
    expect(server.requests[1]?.partial_token_ids).toEqual([...'A long tho'].map((char) => char.charCodeAt(0)));
    expect(journal.events.at(-1)?.data).toMatchObject({ thought: 'A long thought.', tokens: [...'A long thought.\0The answer.'].map((char) => char.charCodeAt(0)), usage: { completion: 27 } });
  });

  test('is taken again where the server does not continue', async () => {
    const turn: ScriptedReply = { thought: 'A long thought.', text: 'The answer.' };
    const server = await model((_request, number) => (number === 1 ? { ...turn, breakAfter: 10 } : turn));
    server.countsTokens = false;
    const journal = testJournal();
    await runAgent(testRequest(), [], testPorts(server.baseUrl, { journal }));
    expect(server.requests[1]?.partial_token_ids).toBeUndefined();
    expect(journal.events.at(-1)?.data).toMatchObject({ thought: 'A long thought.', text: 'The answer.' });
  });

  test('inside a call is continued from before the call', async () => {
    const turn = { ...call('abc'), text: 'So: ' };
    const server = await model((_request, number) => (number === 1 ? { ...turn, breakAfter: 20 } : number === 2 ? turn : { text: 'Done.' }));
    const look = testTool('look', () => 'ok');
    await runAgent(testRequest(), [], testPorts(server.baseUrl, { tools: [look] }));
    expect(server.requests[1]?.partial_token_ids).toEqual([...'I call abc.\0So: '].map((char) => char.charCodeAt(0)));
    expect(look.asked).toEqual([{ x: 'abc' }]);
  });

  test('checkpoints are written every two seconds, and the next worker goes on from the last', async () => {
    const turn: ScriptedReply = { thought: 'A long thought.', text: 'The answer.' };
    let resume = (): void => undefined;
    const pause = new Promise<void>((r) => {
      resume = r;
    });
    const server = await model(() => ({ ...turn, pauseAfter: 6, pause }));
    const clock = testClock();
    const journal = testJournal((append) => {
      if (append.events[0]?.kind === 'turn.finished') throw new Error('killed');
    });
    const run = failure(runAgent(testRequest(), [], testPorts(server.baseUrl, { journal, clock })));
    await expect.poll(() => server.requests.length).toBe(1);
    clock.advance(2_500);
    resume();
    expect(await run).toEqual(new Error('killed'));
    const [checkpoint] = journal.events.filter((event) => event.kind === 'thought.checkpointed');
    expect(checkpoint?.kind === 'thought.checkpointed' && checkpoint.data.thought.length).toBeGreaterThan(0);
    const next = testJournal();
    server.script = () => turn;
    expect((await runAgent(testRequest(), asHistory(journal.events), testPorts(server.baseUrl, { journal: next }))).text).toBe('The answer.');
    expect(server.requests[1]?.partial_token_ids).toEqual(checkpoint?.kind === 'thought.checkpointed' ? checkpoint.data.tokens : []);
    expect(next.events[0]?.data).toMatchObject({ turn: 1, thought: 'A long thought.', text: 'The answer.' });
  });
});

describe('a server that is away', () => {
  test('for a while does not fail the run', async () => {
    const server = await model((_request, number) => (number <= 6 ? { status: number % 2 ? 503 : 429, body: '{"error":{"message":"loading"}}' } : { text: 'Back.' }));
    expect((await runAgent(testRequest(), [], testPorts(server.baseUrl))).text).toBe('Back.');
  });

  test('refusing connections for a minute does not either', async () => {
    const server = await model(inOrder({ text: 'Back.' }));
    const clock = testClock();
    const awayFor60Seconds: typeof fetch = (...args) => (clock.elapsed() < 60_000 ? Promise.reject(new TypeError('fetch failed')) : fetch(...args));
    const { createChatModel } = await import('./chat-model.ts');
    const chat = createChatModel({ baseUrl: server.baseUrl, model: 'scripted', dialect: 'kimi', http: awayFor60Seconds, clock });
    expect((await runAgent(testRequest(), [], testPorts(server.baseUrl, { clock, model: chat }))).text).toBe('Back.');
  });

  test('for good ends with the reason', async () => {
    const server = await model(() => ({ status: 500, body: '{"error":{"message":"broken"}}' }));
    expect(await failure(runAgent(testRequest(), [], testPorts(server.baseUrl)))).toMatchObject({ code: 'model_failed', message: expect.stringContaining('broken') });
    server.requests.length = 0;
    server.script = () => ({ status: 400, body: '{"error":{"message":"too long"}}' });
    expect(await failure(runAgent(testRequest(), [], testPorts(server.baseUrl)))).toMatchObject({ code: 'model_refused', retryable: false });
    expect(server.requests).toHaveLength(1);
  });
});

describe('the window', () => {
  test('hides whole turns behind one note after the task, and ids go on', async () => {
    const server = await model(walker(40));
    const journal = testJournal();
    const windowTokens = 260;
    const result = await runAgent(testRequest({ windowTokens }), [], testPorts(server.baseUrl, { journal, tools: [step()] }));
    expect([result.text, result.calls]).toEqual(['end 40', 40]);
    const hidden = journal.events.flatMap((event) => (event.kind === 'window.compacted' ? [event.data.hidden] : []));
    expect(hidden.length).toBeGreaterThan(1);
    expect(hidden.length).toBeLessThan(10);
    expect(journal.events.flatMap((event) => (event.kind === 'turn.finished' ? event.data.calls.map((made) => made.id) : []))).toEqual(Array.from({ length: 40 }, (_, i) => `functions.look:${i}`));
    for (const { messages } of server.requests) {
      const notes = messages.filter((message) => message.role === 'system').slice(1);
      expect(notes.length).toBeLessThan(2);
      const shown = messages.flatMap((message) => message.tool_calls ?? []).map((made) => made.id);
      const first = notes.length === 0 ? 0 : Number(/^Earlier steps 1-(\d+) are hidden\.$/.exec(messages[2]?.content ?? '')?.[1]);
      expect(shown).toEqual(shown.map((_, i) => `functions.look:${first + i}`));
      expect(messages.filter((message) => message.role === 'tool').map((message) => message.tool_call_id)).toEqual(shown);
      expect(shown.length === 0 && first > 0).toBe(false);
    }
  });

  test('what a result has too much is left out, not lost', async () => {
    const server = await model(inOrder(call('a'), { text: 'Done.' }));
    const journal = testJournal();
    const long = `begin ${'x'.repeat(5_000)} end`;
    await runAgent(testRequest({ windowTokens: 1_000 }), [], testPorts(server.baseUrl, { journal, tools: [testTool('look', () => long)] }));
    const [shown] = results(server.requests[1]);
    expect(shown?.length).toBeLessThan(1_000);
    expect(shown).toMatch(/^begin x+\n\[\d+ characters are left out here\]\nx+ end$/);
    expect(journal.events).toContainEqual(expect.objectContaining({ kind: 'tool.finished', data: expect.objectContaining({ result: { inline: long } }) }));
  });
});

describe('takes that give nothing', () => {
  const accept: AgentRequest['accept'] = ({ text, lastResult }) => (lastResult.includes(text) ? null : 'it does not stand in the last result');

  test('an empty turn is taken again with another seed and more temperature', async () => {
    const server = await model(inOrder({ thought: 'Hm.' }, { thought: 'Hm?', text: ' \n' }, { text: 'Yes.' }));
    const journal = testJournal();
    expect((await runAgent(testRequest(), [], testPorts(server.baseUrl, { journal }))).text).toBe('Yes.');
    expect(server.requests.map((request) => [request.temperature, request.seed])).toEqual([
      [0, 1],
      [0.5, 2],
      [1, 3],
    ]);
    expect(new Set(server.requests.map((request) => JSON.stringify(request.messages))).size).toBe(1);
    expect(kinds(journal.events)).toEqual(['turn.started', 'turn.incomplete', 'turn.started', 'turn.incomplete', 'turn.started', 'turn.finished']);
    expect(journal.events[1]?.data).toMatchObject({ turn: 1, reason: 'nothing_said', thought: 'Hm.' });
  });

  test('cut calls are never made', async () => {
    const server = await model(inOrder({ ...call('a'), finish: 'length' }, { text: 'Yes.' }));
    const look = step();
    await runAgent(testRequest(), [], testPorts(server.baseUrl, { tools: [look] }));
    expect(look.asked).toEqual([]);
  });

  test('a refused answer after failed calls is retaken from before the first of them', async () => {
    const look = testTool('look', ({ x }) => (x === 'good' ? 'the code is 7' : 'error: the page answered with status 404'));
    const server = await model(inOrder(call('first'), call('good', 'functions.look:1'), call('bad', 'functions.look:2'), call('bad', 'functions.look:3'), { text: 'I cannot find it.' }, { text: 'the code is 7' }));
    // the very first call fails too, but the run got further after it
    const journal = testJournal();
    const result = await runAgent(testRequest({ accept }), [], testPorts(server.baseUrl, { journal, tools: [look] }));
    expect(result.text).toBe('the code is 7');
    expect(results(server.requests[5])).toEqual(['error: the page answered with status 404', 'the code is 7']);
    expect(journal.events.flatMap((event) => (event.kind === 'turn.incomplete' ? [[event.data.turn, event.data.reason]] : []))).toEqual([
      [5, 'refused: it does not stand in the last result'],
      [3, 'taken_back'],
      [4, 'taken_back'],
    ]);
    expect(server.requests[5]?.temperature).toBe(0.5);
  });

  test('ids stay unique in the journal when the model counts anew after a take back', async () => {
    const look = testTool('look', ({ x }) => (x === 'bad' ? 'error: 404' : `the code is ${x}`));
    const server = await model(inOrder(call('1', 'functions.look:0'), call('bad', 'functions.look:1'), { text: 'No.' }, call('2', 'functions.look:1'), { text: '2' }));
    const journal = testJournal();
    await runAgent(testRequest({ accept }), [], testPorts(server.baseUrl, { journal, tools: [look] }));
    const ids = journal.events.flatMap((event) => (event.kind === 'tool.started' ? [event.data.call.id] : []));
    expect(ids).toEqual(['functions.look:0', 'functions.look:1', 'functions.look:1@4']);
    expect(server.requests[4]?.messages.flatMap((message) => message.tool_calls ?? []).map((made) => made.id)).toEqual(['functions.look:0', 'functions.look:1']);
  });

  test('the last good result is shown again even when only bad turns were left in the window', async () => {
    const pages = ['one', 'two', 'three'];
    const look = testTool('look', ({ x }) => (pages.includes(String(x)) ? `page ${x} ${'.'.repeat(40)}` : 'error: 404'));
    const script: ScriptedReply[] = [...pages.map((page, i) => call(page, `functions.look:${i}`)), call('bad', 'functions.look:3'), call('worse', 'functions.look:4'), call('worst', 'functions.look:5'), { text: 'No.' }, { text: 'page three' }];
    const server = await model(inOrder(...script));
    const journal = testJournal();
    await runAgent(testRequest({ accept, windowTokens: 180 }), [], testPorts(server.baseUrl, { journal, tools: [look] }));
    expect(results(server.requests[7]).at(-1)).toMatch(/^page three/);
  });

  test('a circle of known pages is left by taking it back', async () => {
    const look = testTool('look', ({ x }) => `page ${x}`);
    // wanders 1 2 3 1 2 3 … until it is hot
    const server = await model((request, number) => (request.temperature > 0 ? { text: 'page 3' } : call(String(((number - 1) % 3) + 1), `c${number}`)));
    const journal = testJournal();
    expect((await runAgent(testRequest({ accept }), [], testPorts(server.baseUrl, { journal, tools: [look] }))).text).toBe('page 3');
    expect(results(server.requests.at(-1))).toEqual(['page 1', 'page 2', 'page 3']);
    expect(look.asked.length).toBeLessThan(14);
  });

  test('the retakes have an end', async () => {
    const server = await model(() => ({ text: 'nonsense' }));
    const journal = testJournal();
    const error = await failure(runAgent(testRequest({ accept: () => 'no', retakes: 2 }), [], testPorts(server.baseUrl, { journal })));
    expect(error).toBeInstanceOf(AgentFailure);
    expect(error).toMatchObject({ code: 'answer_refused', message: expect.stringContaining('no') });
    expect(server.requests).toHaveLength(3);
    expect(await failure(runAgent(testRequest({ accept: () => 'no', retakes: 2 }), asHistory(journal.events), testPorts(server.baseUrl)))).toMatchObject({ code: 'answer_refused' });
    expect(server.requests).toHaveLength(3);
  });
});

describe('bounds', () => {
  test('the same call with the same result: note, block, end', async () => {
    const server = await model(() => call('same', 'functions.look:0'));
    const look = testTool('look', () => 'same result');
    const error = await failure(runAgent(testRequest({ retakes: 0 }), [], testPorts(server.baseUrl, { tools: [look] })));
    expect(error).toMatchObject({ code: 'no_progress' });
    expect(look.asked).toHaveLength(3);
    expect(server.requests).toHaveLength(5);
    expect(results(server.requests[3])).toEqual(['same result', 'same result', `same result\n${REPEATED_NOTE}`]);
    expect(results(server.requests[4]).at(-1)).toBe(BLOCKED);
  });

  test('unknown tools count, and the order of members does not matter', async () => {
    const server = await model((_request, number) => ({ calls: [{ id: `c${number}`, name: 'nothing', arguments: number % 2 ? '{"a":1,"b":2}' : '{"b":2,"a":1}' }] }));
    expect(await failure(runAgent(testRequest({ retakes: 0 }), [], testPorts(server.baseUrl, { tools: [step()] })))).toMatchObject({ code: 'no_progress' });
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
    const result = await runAgent(testRequest({ maxTurns: 4 }), [], testPorts(server.baseUrl, { journal, tools: [step()] }));
    expect([result.text, result.turns, result.calls, result.partial]).toEqual(['as far as I came', 5, 4, true]);
    expect(journal.events).toContainEqual({ kind: 'budget.spent', data: { budget: 'turns' } });
    const resumed = await runAgent(testRequest({ maxTurns: 4 }), asHistory(journal.events), testPorts(server.baseUrl, { tools: [step()] }));
    expect(resumed).toEqual(result);
  });
});
