import { compileGraph, type JournalEvent, type Json, PipelineDocument } from '@switchyard/pipeline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { draw, openWorkshop, told, type Workshop } from '../../../test/harness/workshop.ts';
import type { RevisionRow } from './catalog/contract.ts';
import { startRequest } from './start-order.ts';

let shop: Workshop;
beforeAll(async () => {
  shop = await openWorkshop('postgres');
  await shop.worker();
});
afterAll(() => shop.close());

const step = (id: string, type: string, config: object, more: object = {}): Json =>
  JSON.parse(JSON.stringify({ id, type, config, ...more }));
const manual = step('start', 'trigger.manual', {});
const DRAWINGS = {
  'a chain that ends with a respond': draw({
    nodes: [
      manual,
      step('a', 'transform', { expression: '{"n": run.input.n + 1}' }),
      step('b', 'transform', { expression: 'steps.a.output.n * 2' }),
      step('c', 'respond', { body: '{{ steps.b.output }}' }),
    ],
    edges: ['start > a', 'a > b', 'b > c'],
  }),
  'branches, one of them dead, that join again': draw({
    nodes: [
      manual,
      step('way', 'branch', { cases: [{ port: 'big', when: 'run.input.n > 10' }] }),
      step('big', 'transform', { expression: '"big"' }),
      step('small', 'transform', { expression: '"small"' }),
      step('both', 'transform', { expression: '[steps.big.output, steps.small.output]' }),
    ],
    edges: ['start > way', 'way.big > big', 'way.else > small', 'big > both', 'small > both'],
  }),
  'a failure that goes on by its port': draw({
    nodes: [
      manual,
      step('bad', 'transform', { expression: 'run.input.missing.deep' }, { onError: 'port' }),
      step('after', 'transform', { expression: 'steps.bad.error.code' }),
    ],
    edges: ['start > bad', 'bad.error > after'],
  }),
  'a failure that ends the run beside a step that is ready': draw({
    nodes: [
      manual,
      step('bad', 'transform', { expression: 'run.input.missing.deep' }),
      step('other', 'code', { code: 'return 1', input: {} }),
    ],
    edges: ['start > other', 'start > bad'],
  }),
  'a value too large for an event': draw({
    nodes: [
      manual,
      step('long', 'transform', { expression: 'run.input.text + run.input.text' }),
      step('size', 'transform', { expression: 'size(steps.long.output)' }),
    ],
    edges: ['start > long', 'long > size'],
  }),
};

const INPUT = { n: 3, text: 'x'.repeat(90_000) };

/** Starts it and answers the whole journal once it has ended. */
async function journalOf(document: PipelineDocument, fastPath: boolean): Promise<readonly JournalEvent[]> {
  const { catalog, journal } = shop.server;
  const pipeline = await catalog.pipelines.create({ name: `ride ${Math.random()}` });
  const revision: RevisionRow = await catalog.revisions.snapshot(pipeline.id, document);
  const [node = ''] = compileGraph(document).triggers;
  const order = {
    revision,
    trigger: { node, kind: 'manual' as const },
    input: INPUT,
    dedupKey: null,
    mustBePublished: false,
  };
  const request = startRequest(order, { projectId: catalog.projectId, now: Date.now(), fastPath });
  await journal.startRun(request);
  return shop.events(request.runId);
}

describe('the fast path of a start', () => {
  it.each(Object.entries(DRAWINGS))(
    '%s: the journal is the one that a worker would have written',
    async (name, document) => {
      const [fast, slow] = [await journalOf(document, true), await journalOf(document, false)];
      if (name.startsWith('a failure that ends')) {
        const ends = (events: readonly JournalEvent[]) =>
          events.filter(({ kind }) => kind.startsWith('run.')).map(({ kind }) => kind);
        expect(ends(fast)).toEqual(ends(slow));
      } else expect(told(fast)).toEqual(told(slow));
    },
  );

  it('is one transaction with the start: there is no step to do', async () => {
    const document = DRAWINGS['a chain that ends with a respond'];
    const [, ...events] = await journalOf(document, true);
    expect(events.at(-1)?.kind).toBe('run.succeeded');
    expect(await shop.test.sql('select from step where run_id = $1', [events[0]?.runId])).toEqual([]);
    expect(new Set(events.flatMap((event) => (event.kind === 'step.started' ? [event.data.worker] : [])))).toEqual(
      new Set([0]),
    );
  });

  it('leaves to the workers what has a limit, and a run that may have to wait', () => {
    const limited = draw({
      nodes: [manual, step('a', 'transform', { expression: '1' }, { limit: { key: 'k', max: 1 } })],
      edges: ['start > a'],
    });
    const inTurn = PipelineDocument.parse({
      ...DRAWINGS['a chain that ends with a respond'],
      settings: { concurrency: { max: 1 } },
    });
    for (const document of [limited, inTurn]) {
      const revision = { id: 'r', pipelineId: 'p', number: 1, hash: 'h', createdAt: '', pins: {}, document };
      const order = {
        revision,
        trigger: { node: 'start', kind: 'manual' as const },
        input: INPUT,
        dedupKey: null,
        mustBePublished: false,
      };
      const request = startRequest(order, { projectId: 'p', now: 0, fastPath: true });
      expect([request.open, request.events]).toEqual([['a'], []]);
    }
  });
});
