import type { JournalEvent } from '@switchyard/pipeline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../../test/harness/database.ts';
// It speaks the OpenAI protocol over real HTTP: the one thing that is not real here is the model.
import { type ScriptedModel, type ScriptedReply, startScriptedModel } from '../../../test/harness/scripted-model.ts';
import { startWorkerProcess } from '../../../test/harness/worker-process.ts';
import { BACK_ENDS, draw, openWorkshop, type Workshop } from '../../../test/harness/workshop.ts';

const start = { id: 'start', type: 'trigger.manual' };
const kindsOf = (events: readonly JournalEvent[], stepKey: string) =>
  events.filter((event) => event.stepKey === stepKey).map((event) => event.kind);
const add = (n: number): ScriptedReply => ({
  thought: `I add ${n}.`,
  calls: [{ name: 'run_code', arguments: JSON.stringify({ code: `${n} + 1` }) }],
});

describe.each(BACK_ENDS)('agent steps with the queue on %s', (backEnd) => {
  let shop: Workshop;
  let model: ScriptedModel;

  beforeAll(async () => {
    shop = await openWorkshop(backEnd);
    model = await startScriptedModel(() => ({ text: 'no script' }));
    await shop.database.catalog.connections.create({
      name: 'scripted',
      baseUrl: model.baseUrl,
      model: 'scripted',
      dialect: 'kimi',
    });
  });
  afterAll(async () => {
    await model.close();
    await shop.close();
  });

  const solve = (config: object = {}, node: object = {}) =>
    draw({
      nodes: [
        start,
        {
          id: 'solve',
          type: 'agent',
          config: { prompt: 'Solve: {{ run.input.question }}', tools: ['run_code'], ...config },
          ...node,
        } as never,
        { id: 'reply', type: 'transform', config: { expression: 'steps.solve.output.text' } },
      ],
      edges: ['start > solve', 'solve > reply'],
    });

  test('thinks, calls a tool, answers; every turn is in the journal and its thought goes back to the model', async () => {
    const first = model.requests.length;
    model.script = (request) => (request.messages.at(-1)?.role === 'tool' ? { thought: 'Done.', text: '42' } : add(41));
    const worker = await shop.worker();
    const events = await shop.events(await shop.start(solve(), { question: 'forty-one and one' }));
    expect(events.at(-1)).toMatchObject({ kind: 'run.succeeded', data: { output: { inline: '42' } } });
    expect(kindsOf(events, 'solve')).toEqual([
      'step.started',
      'turn.started',
      'turn.finished',
      'tool.started',
      'tool.finished',
      'turn.started',
      'turn.finished',
      'step.succeeded',
    ]);
    const [asked, told] = model.requests.slice(first);
    expect(asked?.messages.at(-1)).toMatchObject({ role: 'user', content: 'Solve: forty-one and one' });
    expect(told?.messages.slice(-2)).toMatchObject([
      { reasoning_content: 'I add 41.' },
      { role: 'tool', content: '42' },
    ]);
    await worker.stop();
  });

  test('a worker killed inside a turn: another goes on with that turn, and no call is made twice', async () => {
    const first = model.requests.length;
    const results = (request: { readonly messages: readonly { readonly role: string }[] }) =>
      request.messages.filter((message) => message.role === 'tool').length;
    let cut = true;
    model.script = (request) => {
      const done = results(request);
      if (done < 3) return add(done);
      if (!cut) return { text: 'three calls' };
      cut = false;
      return { text: 'never said to the end', pauseAfter: 5, pause: new Promise(() => {}) };
    };
    const victim = await startWorkerProcess(shop, { allowOrigin: 'http://127.0.0.1:9' });
    const run = await shop.start(solve(), { question: 'count' });
    await eventually('the fourth turn streams', () => (model.requests.length - first >= 4 ? true : null));
    victim.kill();
    const worker = await shop.worker();
    const events = await shop.events(run);
    expect(events.at(-1)).toMatchObject({ kind: 'run.succeeded', data: { output: { inline: 'three calls' } } });
    const calls = events.flatMap((event) => (event.kind === 'tool.started' ? [event.data.call.id] : []));
    expect(new Set(calls).size).toBe(3);
    expect(calls).toHaveLength(3);
    expect(kindsOf(events, 'solve').filter((kind) => kind === 'step.started')).toHaveLength(2);
    await worker.stop();
  });

  test('a retry of the step goes on from its journaled turns', async () => {
    const first = model.requests.length;
    model.script = (request, number) => {
      if (request.messages.at(-1)?.role !== 'tool') return add(1);
      return number - first <= 3 ? { text: 'wrong' } : { text: 'right' };
    };
    const worker = await shop.worker();
    const run = await shop.start(
      solve({ accept: 'answer == "right"', retakes: 1 }, { retry: { attempts: 2, backoffSeconds: 0 } }),
      { question: 'q' },
    );
    const events = await shop.events(run);
    expect(events.at(-1)).toMatchObject({ kind: 'run.succeeded', data: { output: { inline: 'right' } } });
    expect(events.filter((event) => event.kind === 'step.retrying')).toHaveLength(1);
    expect(events.filter((event) => event.kind === 'tool.started')).toHaveLength(1);
    await worker.stop();
  });

  test('a JSON answer stands parsed in the output, others are refused', async () => {
    const first = model.requests.length;
    model.script = (_request, number) => (number - first === 1 ? { text: 'label: bug' } : { text: '{"label":"bug"}' });
    const worker = await shop.worker();
    const document = draw({
      nodes: [start, { id: 'sort', type: 'agent', config: { prompt: 'Sort it', answer: 'json' } }],
      edges: ['start > sort'],
    });
    const events = await shop.events(await shop.start(document));
    expect(events.at(-1)).toMatchObject({ data: { output: { inline: { json: { label: 'bug' }, turns: 1 } } } });
    expect(events.filter((event) => event.kind === 'turn.incomplete')).toHaveLength(1);
    await worker.stop();
  });

  test('K6: cancel frees the model at once', async () => {
    const closed = model.closed.count;
    const first = model.requests.length;
    model.script = () => ({ text: 'a long answer', pauseAfter: 3, pause: new Promise(() => {}) });
    const worker = await shop.worker();
    const run = await shop.start(solve(), { question: 'q' });
    await eventually('a turn streams', () => (model.requests.length > first ? true : null));
    await shop.server.control.cancel({ runId: run, by: 'test' });
    await eventually('the connection is closed', () => (model.closed.count > closed ? true : null));
    expect((await shop.events(run)).at(-1)?.kind).toBe('run.cancelled');
    await worker.stop();
  });

  test('a connection that does not exist fails the step and says so', async () => {
    const worker = await shop.worker();
    const events = await shop.events(await shop.start(solve({ connection: 'nowhere' }), { question: 'q' }));
    expect(events.at(-1)).toMatchObject({ kind: 'run.failed', data: { failure: { code: 'connection_not_found' } } });
    await worker.stop();
  });
});
