import type { JournalEvent } from '@switchyard/pipeline';
import { describe, expect, test } from 'vitest';
import type { AgentRequest } from './contract.ts';
import { AgentFailure } from './errors.ts';
import { runAgent } from './loop.ts';
import type { ScriptedReply } from './scripted/model-server.ts';
import { asHistory, testJournal, testPorts, testRequest, testTool } from './scripted/ports.ts';
import { call, failure, inOrder, kinds, model, results, step, walker } from './scripted/scene.ts';

describe('the window', () => {
  test('hides whole turns behind one note after the task, and ids go on', async () => {
    const server = await model(walker(40));
    const journal = testJournal();
    const windowTokens = 260;
    const result = await runAgent(
      testRequest({ windowTokens }),
      [],
      testPorts(server.baseUrl, { journal, tools: [step()] }),
    );
    expect([result.text, result.calls]).toEqual(['end 40', 40]);
    const hidden = journal.events.flatMap((event) => (event.kind === 'window.compacted' ? [event.data.hidden] : []));
    expect(hidden.length).toBeGreaterThan(1);
    expect(hidden.length).toBeLessThan(10);
    expect(
      journal.events.flatMap((event) =>
        event.kind === 'turn.finished' ? event.data.calls.map((made) => made.id) : [],
      ),
    ).toEqual(Array.from({ length: 40 }, (_, i) => `functions.look:${i}`));
    for (const { messages } of server.requests) {
      const notes = messages.filter((message) => message.role === 'system').slice(1);
      expect(notes.length).toBeLessThan(2);
      const shown = messages.flatMap((message) => message.tool_calls ?? []).map((made) => made.id);
      const first =
        notes.length === 0 ? 0 : Number(/^Earlier steps 1-(\d+) are hidden\.$/.exec(messages[2]?.content ?? '')?.[1]);
      expect(shown).toEqual(shown.map((_, i) => `functions.look:${first + i}`));
      expect(messages.filter((message) => message.role === 'tool').map((message) => message.tool_call_id)).toEqual(
        shown,
      );
      expect(shown.length === 0 && first > 0).toBe(false);
    }
  });

  test('what a result has too much is left out, not lost', async () => {
    const server = await model(inOrder(call('a'), { text: 'Done.' }));
    const journal = testJournal();
    const long = `begin ${'x'.repeat(5_000)} end`;
    await runAgent(
      testRequest({ windowTokens: 1_000 }),
      [],
      testPorts(server.baseUrl, { journal, tools: [testTool('look', () => long)] }),
    );
    const [shown] = results(server.requests[1]);
    expect(shown?.length).toBeLessThan(1_000);
    expect(shown).toMatch(/^begin x+\n\[\d+ characters are left out here\]\nx+ end$/);
    expect(journal.events).toContainEqual(
      expect.objectContaining({ kind: 'tool.finished', data: expect.objectContaining({ result: { inline: long } }) }),
    );
  });
});

describe('takes that give nothing', () => {
  const accept: AgentRequest['accept'] = ({ text, lastResult }) =>
    lastResult.includes(text) ? null : 'it does not stand in the last result';

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
    expect(kinds(journal.events)).toEqual([
      'turn.started',
      'turn.incomplete',
      'turn.started',
      'turn.incomplete',
      'turn.started',
      'turn.finished',
    ]);
    expect(journal.events[1]?.data).toMatchObject({ turn: 1, reason: 'nothing_said', thought: 'Hm.' });
  });

  test('cut calls are never made', async () => {
    const server = await model(inOrder({ ...call('a'), finish: 'length' }, { text: 'Yes.' }));
    const look = step();
    await runAgent(testRequest(), [], testPorts(server.baseUrl, { tools: [look] }));
    expect(look.asked).toEqual([]);
  });

  test('a refused answer after failed calls is retaken from before the first of them', async () => {
    const look = testTool('look', ({ x }) =>
      x === 'good' ? 'the code is 7' : 'error: the page answered with status 404',
    );
    const server = await model(
      inOrder(
        call('first'),
        call('good', 'functions.look:1'),
        call('bad', 'functions.look:2'),
        call('bad', 'functions.look:3'),
        { text: 'I cannot find it.' },
        { text: 'the code is 7' },
      ),
    );
    // the very first call fails too, but the run got further after it
    const journal = testJournal();
    const result = await runAgent(testRequest({ accept }), [], testPorts(server.baseUrl, { journal, tools: [look] }));
    expect(result.text).toBe('the code is 7');
    expect(results(server.requests[5])).toEqual(['error: the page answered with status 404', 'the code is 7']);
    expect(
      journal.events.flatMap((event) =>
        event.kind === 'turn.incomplete' ? [[event.data.turn, event.data.reason]] : [],
      ),
    ).toEqual([
      [5, 'refused: it does not stand in the last result'],
      [3, 'taken_back'],
      [4, 'taken_back'],
    ]);
    expect(server.requests[5]?.temperature).toBe(0.5);
  });

  test('ids stay unique in the journal when the model counts anew after a take back', async () => {
    const look = testTool('look', ({ x }) => (x === 'bad' ? 'error: 404' : `the code is ${x}`));
    const server = await model(
      inOrder(
        call('1', 'functions.look:0'),
        call('bad', 'functions.look:1'),
        { text: 'No.' },
        call('2', 'functions.look:1'),
        { text: '2' },
      ),
    );
    const journal = testJournal();
    await runAgent(testRequest({ accept }), [], testPorts(server.baseUrl, { journal, tools: [look] }));
    const ids = journal.events.flatMap((event) => (event.kind === 'tool.started' ? [event.data.call.id] : []));
    expect(ids).toEqual(['functions.look:0', 'functions.look:1', 'functions.look:1@4']);
    expect(server.requests[4]?.messages.flatMap((message) => message.tool_calls ?? []).map((made) => made.id)).toEqual([
      'functions.look:0',
      'functions.look:1',
    ]);
  });

  test('the last good result is shown again even when only bad turns were left in the window', async () => {
    const pages = ['one', 'two', 'three'];
    const look = testTool('look', ({ x }) =>
      pages.includes(String(x)) ? `page ${x} ${'.'.repeat(40)}` : 'error: 404',
    );
    const script: ScriptedReply[] = [
      ...pages.map((page, i) => call(page, `functions.look:${i}`)),
      call('bad', 'functions.look:3'),
      call('worse', 'functions.look:4'),
      call('worst', 'functions.look:5'),
      { text: 'No.' },
      { text: 'page three' },
    ];
    const server = await model(inOrder(...script));
    const journal = testJournal();
    await runAgent(
      testRequest({ accept, windowTokens: 180 }),
      [],
      testPorts(server.baseUrl, { journal, tools: [look] }),
    );
    expect(results(server.requests[7]).at(-1)).toMatch(/^page three/);
  });

  test('a circle of known pages is left by taking it back', async () => {
    const look = testTool('look', ({ x }) => `page ${x}`);
    // wanders 1 2 3 1 2 3 … until it is hot
    const server = await model((request, number) =>
      request.temperature > 0 ? { text: 'page 3' } : call(String(((number - 1) % 3) + 1), `c${number}`),
    );
    const journal = testJournal();
    expect(
      (await runAgent(testRequest({ accept }), [], testPorts(server.baseUrl, { journal, tools: [look] }))).text,
    ).toBe('page 3');
    expect(results(server.requests.at(-1))).toEqual(['page 1', 'page 2', 'page 3']);
    expect(look.asked.length).toBeLessThan(14);
  });

  test('the retakes have an end', async () => {
    const server = await model(() => ({ text: 'nonsense' }));
    const journal = testJournal();
    const error = await failure(
      runAgent(testRequest({ accept: () => 'no', retakes: 2 }), [], testPorts(server.baseUrl, { journal })),
    );
    expect(error).toBeInstanceOf(AgentFailure);
    expect(error).toMatchObject({ code: 'answer_refused', message: expect.stringContaining('no') });
    expect(server.requests).toHaveLength(3);
    expect(
      await failure(
        runAgent(testRequest({ accept: () => 'no', retakes: 2 }), asHistory(journal.events), testPorts(server.baseUrl)),
      ),
    ).toMatchObject({ code: 'answer_refused' });
    expect(server.requests).toHaveLength(3);
  });

  test('a retry of the step goes on from the last good turn with new retakes', async () => {
    const look = testTool('look', ({ x }) => (x === 'bad' ? 'error: 404' : `the code is ${x}`));
    const server = await model(inOrder(call('1'), call('bad', 'functions.look:1'), { text: 'No.' }, { text: 'No.' }));
    const journal = testJournal();
    const request = testRequest({ accept, retakes: 1 });
    const ports = testPorts(server.baseUrl, { journal, tools: [look] });
    expect(await failure(runAgent(request, [], ports))).toMatchObject({ code: 'answer_refused' });
    const failed = { code: 'answer_refused', message: 'No.' };
    const [last] = asHistory(journal.events).slice(-1);
    const retrying: JournalEvent = {
      runId: 'run',
      seq: (last?.seq ?? 0) + 1,
      stepKey: 'agent',
      epoch: 1,
      n: 1,
      at: '',
      kind: 'step.retrying',
      data: { failure: failed, attempt: 2, dueInMs: 0 },
    };
    server.script = () => ({ text: 'the code is 1' });
    const result = await runAgent(request, [...asHistory(journal.events), retrying], ports);
    expect(result.text).toBe('the code is 1');
    expect(results(server.requests.at(-1))).toEqual(['the code is 1']);
    expect(look.asked).toHaveLength(2);
  });
});
