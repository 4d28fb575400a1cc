import type { JournalEvent, Json } from '@switchyard/pipeline';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
// It speaks the OpenAI protocol over real HTTP: the one thing that is not real here is the model.
import { type ScriptedModel, type ScriptedReply, startScriptedModel } from '../../../../test/harness/scripted-model.ts';
import { draw, openWorkshop, type Workshop } from '../../../../test/harness/workshop.ts';

const start = { id: 'start', type: 'trigger.manual' };
const SCHEMA = {
  type: 'object',
  properties: { name: { type: 'string' }, total: { type: 'number' } },
  required: ['name', 'total'],
  additionalProperties: false,
};

let shop: Workshop;
let model: ScriptedModel;
beforeAll(async () => {
  shop = await openWorkshop('postgres');
  model = await startScriptedModel(() => ({ text: 'no script' }));
  await shop.database.catalog.connections.create({
    name: 'scripted',
    baseUrl: model.baseUrl,
    model: 'scripted',
    dialect: 'kimi',
  });
  await shop.worker();
});
afterAll(async () => {
  await model.close();
  await shop.close();
});
beforeEach(() => {
  model.requests.length = 0;
});

const says = (...replies: readonly ScriptedReply[]) => {
  model.script = (request) =>
    replies[request.messages.filter((message) => message.role === 'assistant').length] ?? { text: 'asked too often' };
};
const one = async (type: string, config: object, input: Json = {}): Promise<readonly JournalEvent[]> =>
  shop.events(
    await shop.start(draw({ nodes: [start, { id: 'it', type, config } as Json], edges: ['start > it'] }), input),
  );
const outputOf = (events: readonly JournalEvent[]) => events.at(-1)?.data;
const extract = (rest: object = {}) =>
  one('extract', { text: '{{ run.input.text }}', schema: SCHEMA, ...rest }, { text: 'Ada owes 3.' });

describe('llm', () => {
  test('asks once, with its system message, and tells the thought', async () => {
    says({ thought: 'Short.', text: 'It is 42.' });
    const events = await one('llm', { system: 'Be brief.', prompt: 'Six times {{ run.input.n }}?' }, { n: 7 });
    expect(outputOf(events)).toMatchObject({
      output: { inline: { text: 'It is 42.', thought: 'Short.', cut: false, usage: expect.any(Object) } },
    });
    expect(model.requests.map(({ messages }) => messages)).toMatchObject([
      [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Six times 7?' },
      ],
    ]);
    expect(model.requests[0]?.tools ?? []).toEqual([]);
  });

  test('a cut answer says so, and an answer without text is a failure', async () => {
    says({ text: 'It is', finish: 'length' });
    expect(outputOf(await one('llm', { prompt: 'x' }))).toMatchObject({
      output: { inline: { text: 'It is', cut: true } },
    });
    says({ thought: 'on and on', text: '', finish: 'length' });
    expect(outputOf(await one('llm', { prompt: 'x' }))).toMatchObject({
      failure: { code: 'no_answer', details: { thought: 'on and on' } },
    });
  });

  test('run data stays data: braces in it are no template', async () => {
    says({ text: 'ok' });
    await one('llm', { prompt: '{{ run.input.text }}' }, { text: '{{ run.id }}' });
    expect(model.requests[0]?.messages.at(-1)?.content).toBe('{{ run.id }}');
  });
});

describe('extract', () => {
  test('gives the data, in a fence too', async () => {
    says({ text: '```json\n{"name": "Ada", "total": 3}\n```' });
    expect(outputOf(await extract())).toMatchObject({
      output: { inline: { data: { name: 'Ada', total: 3 }, repaired: false } },
    });
  });

  test('an answer that does not fit goes back once, with what is wrong', async () => {
    says({ text: '{"name": "Ada", "total": "three"}' }, { text: '{"name": "Ada", "total": 3}' });
    expect(outputOf(await extract())).toMatchObject({
      output: { inline: { data: { name: 'Ada', total: 3 }, repaired: true } },
    });
    const [, assistant, told] = model.requests[1]?.messages.slice(-3) ?? [];
    expect(assistant?.content).toBe('{"name": "Ada", "total": "three"}');
    expect(told?.content).toContain('#/total');
  });

  test.each([
    ['text', 'Ignore the schema and say hello'],
    ['two values', '{"name":"a","total":1}{"name":"b","total":2}'],
    ['more than asked for', '{"name":"a","total":1,"admin":true}'],
    ['a prototype', '{"__proto__":{"name":"a","total":1}}'],
    ['what every object inherits', '{"constructor":{"name":"a"}}'],
    ['a nest', '['.repeat(100_000)],
  ])('a model that answers with %s twice fails the step and leaves its answer', async (_what, text) => {
    says({ text }, { text });
    const events = await extract({ maxTokens: 200_000 });
    expect(outputOf(events)).toMatchObject({
      failure: {
        code: 'answer_misfit',
        details: { answer: text.slice(0, 2_000), problems: expect.arrayContaining([expect.any(String)]) },
      },
    });
    expect(model.requests).toHaveLength(2);
    expect(Object.hasOwn(Object.prototype, 'name')).toBe(false);
  });

  test('a required key that objects inherit is missing all the same', async () => {
    says({ text: '{}' }, { text: '{}' });
    const events = await extract({ schema: { type: 'object', required: ['toString'] } });
    expect(outputOf(events)).toMatchObject({ failure: { code: 'answer_misfit' } });
  });
});

describe('search', () => {
  test('finds documents, and nothing', async () => {
    const { documents } = shop.database.catalog;
    await documents.upsert({ slug: 'refunds', title: 'Refunds', address: '/refunds', text: 'Refunds take five days.' });
    const config = { query: '{{ run.input.query }}' };
    expect(outputOf(await one('search', config, { query: 'refund' }))).toMatchObject({
      output: {
        inline: { hits: [{ title: 'Refunds', address: '/refunds', excerpt: expect.stringContaining('five') }] },
      },
    });
    for (const query of ['zebra', "'; drop table document; --", 'a\u0000b', '!!! & | (', '%'])
      expect(outputOf(await one('search', config, { query })), query).toMatchObject({
        output: { inline: { hits: [] } },
      });
  });
});
