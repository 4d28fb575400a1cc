import { describe, expect, test } from 'vitest';
import type { AgentEvent, AgentRequest, Tool } from './contract.ts';
import { ToolInDoubt } from './errors.ts';
import { runAgent } from './loop.ts';
import type { Script, ScriptedReply } from './scripted/model-server.ts';
import { asHistory, testClock, testJournal, testPorts, testRequest, testTool } from './scripted/ports.ts';
import { call, failure, inOrder, kinds, model, results, step, walker } from './scripted/scene.ts';

describe('after a crash', () => {
  const withoutTimes = (events: readonly AgentEvent[]): unknown[] =>
    events.map((event) => ({ ...event, data: { ...event.data, ms: 0, modelMs: 0 } }));

  /** Walks the chain, but at 5 a cold model errs, fails, and gives up. */
  const errsWhenCold: Script = (request, number) => {
    const reply = walker(9)(request, number);
    const wrong = request.temperature === 0 && request.messages.at(-1)?.content === 'now 5';
    if (wrong) return { calls: [{ id: `functions.look:bad${request.seed}`, name: 'look', arguments: '{"x":"bad"}' }] };
    return request.messages.at(-1)?.content?.startsWith('error: ')
      ? { thought: 'That failed.', text: 'Nothing.' }
      : reply;
  };

  test.each<[string, Script, number, string]>([
    ['with room', walker(9), 100_000, 'tool.finished'],
    ['with a small window', walker(9), 120, 'window.compacted'],
    ['with retakes', errsWhenCold, 100_000, 'turn.incomplete'],
    ['with retakes in a small window', errsWhenCold, 120, 'turn.incomplete'],
  ])('the run ends as it would have, wherever it was cut, %s', async (_name, script, windowTokens, typical) => {
    const accept: AgentRequest['accept'] = ({ text }) => (text === 'end 9' ? null : 'not the end');
    const request = testRequest({ windowTokens, accept });
    const whole = testJournal();
    const server = await model(script);
    const walk = (): ReturnType<typeof testTool> =>
      testTool('look', ({ x }) => (x === 'bad' ? 'error: 404' : `now ${Number(x) + 1}`));
    const end = await runAgent(request, [], testPorts(server.baseUrl, { journal: whole, tools: [walk()] }));
    expect(end.text).toBe('end 9');
    expect(kinds(whole.events)).toContain(typical);
    let written: AgentEvent[] = [];
    for (const cut of whole.appends) {
      written = [...written, ...cut.events];
      const journal = testJournal();
      const look = walk();
      const ports = testPorts(server.baseUrl, { journal, tools: [look] });
      expect(await runAgent(request, asHistory(written), ports)).toEqual(end);
      // the same events, the same hashes of the same prompts; and no recorded result asked for again
      expect(withoutTimes([...written, ...journal.events])).toEqual(withoutTimes(whole.events));
      expect(look.asked).toHaveLength(end.calls - written.filter((event) => event.kind === 'tool.finished').length);
    }
  });

  const intent: AgentEvent[] = [
    { kind: 'turn.started', data: { turn: 1 } },
    {
      kind: 'turn.finished',
      data: {
        turn: 1,
        model: 'm',
        requestSha256: '',
        thought: '',
        text: '',
        calls: [{ id: 'functions.look:0', name: 'look', arguments: '{"x":"a"}' }],
        finishReason: 'tool_calls',
        usage: { prompt: 1, completion: 1 },
        modelMs: 1,
      },
    },
  ];
  const begun = (policy: Tool['policy']): AgentEvent[] => [
    ...intent,
    {
      kind: 'tool.started',
      data: { turn: 1, call: { id: 'functions.look:0', name: 'look', arguments: '{"x":"a"}' }, policy },
    },
  ];
  const resume = async (tool: ReturnType<typeof testTool>, events: AgentEvent[]) => {
    const server = await model(inOrder({ text: 'Done.' }));
    const journal = testJournal();
    const end = await runAgent(
      testRequest(),
      asHistory(events),
      testPorts(server.baseUrl, { journal, tools: [tool] }),
    ).catch((error: unknown) => error);
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
    expect(
      (
        await resume(
          testTool('look', () => 'made', { verify: async () => null }),
          begun('verify'),
        )
      ).result,
    ).toBe('made');
  });

  test.each(['ask', 'verify'] as const)(
    'policy %s (without a way to verify) waits for a person, once',
    async (policy) => {
      const look = step();
      const first = await resume(look, begun(policy));
      expect(first.end).toBeInstanceOf(ToolInDoubt);
      expect(kinds(first.journal.events)).toEqual(['tool.in_doubt']);
      const again = await resume(look, [...begun(policy), ...first.journal.events]);
      expect(again.end).toBeInstanceOf(ToolInDoubt);
      expect(again.journal.events).toEqual([]);
      expect(look.asked).toEqual([]);
      const decided = (decision: 'repeat' | 'use' | 'fail'): AgentEvent[] => [
        ...begun(policy),
        ...first.journal.events,
        { kind: 'tool.decided', data: { call: 'functions.look:0', decision, by: 'me' } },
      ];
      expect((await resume(look, decided('use'))).result).toMatch(/carried out/);
      expect((await resume(look, decided('fail'))).result).toMatch(/^error: /);
      expect(look.asked).toEqual([]);
      expect((await resume(look, decided('repeat'))).result).toMatch(/^now/);
      expect(look.asked).toHaveLength(1);
    },
  );

  test('a call that our own stop cut off has no result', async () => {
    const server = await model(inOrder(call('a'), { text: 'no' }));
    const journal = testJournal();
    const stop = new AbortController();
    const look = testTool('look', (_args, { signal }) => {
      stop.abort(new Error('stopped'));
      return Promise.reject(signal.reason);
    });
    expect(
      await failure(
        runAgent(testRequest(), [], testPorts(server.baseUrl, { journal, tools: [look], signal: stop.signal })),
      ),
    ).toEqual(new Error('stopped'));
    expect(kinds(journal.events)).toEqual(['turn.started', 'turn.finished', 'tool.started']);
  });

  test('a lost lease ends everything, and no effect begins', async () => {
    const server = await model(inOrder(call('a')));
    const lost = new Error('lease lost');
    const look = step();
    const journal = testJournal((append) => {
      if (append.intent) throw lost;
    });
    expect(await failure(runAgent(testRequest(), [], testPorts(server.baseUrl, { journal, tools: [look] })))).toBe(
      lost,
    );
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
    expect(journal.events.at(-1)?.data).toMatchObject({
      thought: 'A long thought.',
      tokens: [...'A long thought.\0The answer.'].map((char) => char.charCodeAt(0)),
      usage: { completion: 27 },
    });
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
    const server = await model((_request, number) =>
      number === 1 ? { ...turn, breakAfter: 20 } : number === 2 ? turn : { text: 'Done.' },
    );
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
    expect(
      (await runAgent(testRequest(), asHistory(journal.events), testPorts(server.baseUrl, { journal: next }))).text,
    ).toBe('The answer.');
    expect(server.requests[1]?.partial_token_ids).toEqual(
      checkpoint?.kind === 'thought.checkpointed' ? checkpoint.data.tokens : [],
    );
    expect(next.events[0]?.data).toMatchObject({ turn: 1, thought: 'A long thought.', text: 'The answer.' });
  });
});

describe('a server that is away', () => {
  test('for a while does not fail the run', async () => {
    const server = await model((_request, number) =>
      number <= 6 ? { status: number % 2 ? 503 : 429, body: '{"error":{"message":"loading"}}' } : { text: 'Back.' },
    );
    expect((await runAgent(testRequest(), [], testPorts(server.baseUrl))).text).toBe('Back.');
  });

  test('refusing connections for a minute does not either', async () => {
    const server = await model(inOrder({ text: 'Back.' }));
    const clock = testClock();
    const awayFor60Seconds: typeof fetch = (...args) =>
      clock.elapsed() < 60_000 ? Promise.reject(new TypeError('fetch failed')) : fetch(...args);
    const { createChatModel } = await import('./chat-model.ts');
    const chat = createChatModel({
      baseUrl: server.baseUrl,
      model: 'scripted',
      dialect: 'kimi',
      http: awayFor60Seconds,
      clock,
    });
    expect((await runAgent(testRequest(), [], testPorts(server.baseUrl, { clock, model: chat }))).text).toBe('Back.');
  });

  test('for good ends with the reason', async () => {
    const server = await model(() => ({ status: 500, body: '{"error":{"message":"broken"}}' }));
    expect(await failure(runAgent(testRequest(), [], testPorts(server.baseUrl)))).toMatchObject({
      code: 'model_failed',
      message: expect.stringContaining('broken'),
    });
    server.requests.length = 0;
    server.script = () => ({ status: 400, body: '{"error":{"message":"too long"}}' });
    expect(await failure(runAgent(testRequest(), [], testPorts(server.baseUrl)))).toMatchObject({
      code: 'model_refused',
      retryable: false,
    });
    expect(server.requests).toHaveLength(1);
  });
});
