import type { JournalEvent, Json, StoredValue } from '@switchyard/pipeline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../../test/harness/database.ts';
import { BACK_ENDS, type Drawing, draw, openWorkshop, told, type Workshop } from '../../../test/harness/workshop.ts';

/*
 * Loops and joins on real parts: for each queue back end, each pipeline with the fast path on and off. Steps that run beside
 * each other may end in any order, so what is compared is what came of them.
 */

const start = { id: 'start', type: 'trigger.manual' };
const transform = (id: string, expression: string) => ({ id, type: 'transform', config: { expression } });
const code = (id: string, body: string, input: Json = {}) => ({ id, type: 'code', config: { code: body, input } });
const loop = (id: string, config: Record<string, Json>, more: Record<string, Json> = {}) => ({
  id,
  type: 'loop',
  config,
  ...more,
});

const inlineOf = (stored: StoredValue | null): Json =>
  stored !== null && 'inline' in stored ? stored.inline : `blob ${JSON.stringify(stored)}`;

function outputOf(events: readonly JournalEvent[]): Json {
  const end = events.at(-1);
  if (end?.kind !== 'run.succeeded') throw new Error(`the run ended otherwise: ${JSON.stringify(end)}`);
  return inlineOf(end.data.output);
}

const settledKeys = (events: readonly JournalEvent[], kind: string) =>
  events
    .filter((event) => event.kind === kind)
    .map((event) => event.stepKey)
    .sort();

const NESTED: Drawing = {
  nodes: [
    start,
    loop('outer', { items: '{{ run.input.rows }}' }),
    loop('inner', { items: '{{ item }}' }),
    code('cell', 'return [input.row, input.n];', { row: '{{ loops.outer.index }}', n: '{{ item }}' }),
    transform('row', 'steps.inner.output.items'),
  ],
  edges: ['start > outer', 'outer.item > inner', 'inner.item > cell', 'inner.done > row'],
};
const PURE: Drawing = {
  nodes: [
    start,
    loop('each', { items: '{{ run.input.items }}', concurrency: 3 }),
    transform('double', 'item * 2.0'),
    transform('after', 'steps.each.output.items'),
  ],
  edges: ['start > each', 'each.item > double', 'each.done > after'],
};
const FAILING = (onItemError: string, onError = 'fail'): Drawing => ({
  nodes: [
    start,
    loop('each', { items: [1, 2, 3, 4], concurrency: 2, onItemError }, { onError }),
    code('odd', 'if (input.n === 2) throw new Error("two"); return input.n;', { n: '{{ item }}' }),
    transform('after', 'steps.each.output'),
    ...(onError === 'port' ? [transform('caught', 'steps.each.error.code')] : []),
  ],
  edges: [
    'start > each',
    'each.item > odd',
    'each.done > after',
    ...(onError === 'port' ? ['each.error > caught'] : []),
  ],
});
const JOINED = (mode: string, count?: number): Drawing => ({
  nodes: [
    start,
    code('fast', 'return "fast";'),
    code('slow', 'return "slow";'),
    code('slower', 'return "slower";'),
    { id: 'after_slow', type: 'wait', config: { mode: 'duration', seconds: 0.3 } },
    { id: 'after_slower', type: 'wait', config: { mode: 'duration', seconds: 60 } },
    { id: 'meet', type: 'join', config: count === undefined ? { mode } : { mode, count } },
    transform('end', 'steps.meet.output.arrived'),
  ],
  edges: [
    'start > fast',
    'start > slow',
    'start > slower',
    'slow > after_slow',
    'slower > after_slower',
    'fast > meet',
    'after_slow > meet',
    'after_slower > meet',
    'meet > end',
  ],
});

describe.each(BACK_ENDS)('loops and joins with the queue on %s', (backEnd) => {
  let shop: Workshop;
  beforeAll(async () => {
    shop = await openWorkshop(backEnd);
  });
  afterAll(() => shop.close());

  /** Runs a drawing with the fast path on, then off; both journals to their end. */
  const both = async (drawing: Drawing, input: Json = {}): Promise<readonly JournalEvent[][]> => {
    const journals: JournalEvent[][] = [];
    for (const fastPath of [true, false]) {
      const worker = await shop.worker({ fastPath, concurrency: 1 });
      journals.push([...(await shop.events(await shop.start(draw(drawing), input)))]);
      await worker.stop();
    }
    return journals;
  };

  test('J4 an inner loop runs in every iteration of the outer one: 2 × 2 is 4', async () => {
    for (const events of await both(NESTED, {
      rows: [
        [1, 2],
        [3, 4],
      ],
    })) {
      expect(outputOf(events)).toEqual({
        count: 2,
        failed: 0,
        items: [
          [
            [0, 1],
            [0, 2],
          ],
          [
            [1, 3],
            [1, 4],
          ],
        ],
      });
      expect(settledKeys(events, 'step.succeeded').filter((key) => key?.endsWith('cell'))).toEqual([
        'outer[0]/inner[0]/cell',
        'outer[0]/inner[1]/cell',
        'outer[1]/inner[0]/cell',
        'outer[1]/inner[1]/cell',
      ]);
    }
  });

  test('J5 done fires once, and with no items at once', async () => {
    const items = Array.from({ length: 30 }, (_, i) => i);
    for (const events of await both(PURE, { items })) {
      expect(outputOf(events)).toEqual(items.map((item) => item * 2));
      expect(settledKeys(events, 'step.succeeded').filter((key) => key === 'each' || key === 'after')).toEqual([
        'after',
        'each',
      ]);
    }
    for (const events of await both(PURE, { items: [] })) expect(outputOf(events)).toEqual([]);
  });

  test('one worker writes the same journal with the fast path on and off', async () => {
    const [on, off] = await both(PURE, { items: [1, 2, 3, 4, 5] });
    expect(told(on ?? [])).toEqual(told(off ?? []));
  });

  test('a failed item is null and counted, or ends the loop, whose own policy then decides', async () => {
    for (const events of await both(FAILING('continue')))
      expect(outputOf(events)).toEqual({ count: 4, failed: 1, items: [1, null, 3, 4] });
    for (const events of await both(FAILING('fail')))
      expect(events.at(-1)).toMatchObject({
        kind: 'run.failed',
        data: { failure: { code: 'item_failed', node: 'each', details: { index: 1 } } },
      });
    for (const events of await both(FAILING('fail', 'port'))) expect(outputOf(events)).toBe('item_failed');
  });

  test('J1 a join goes on by its mode, whatever the order of its edges', async () => {
    for (const events of await both(JOINED('first'))) {
      expect(outputOf(events)).toEqual(['fast']);
      expect(settledKeys(events, 'step.succeeded')).toContain('end');
    }
    for (const events of await both(JOINED('quorum', 2))) {
      expect(outputOf(events)).toEqual(['fast', 'after_slow']);
      expect(settledKeys(events, 'step.cancelled')).toEqual(['after_slower']);
    }
  });

  test('J3 a branch that gives nothing counts as arrived, all the way down', async () => {
    const drawing: Drawing = {
      nodes: [
        start,
        { id: 'filter', type: 'branch', config: { cases: [{ port: 'some', when: 'false' }] } },
        transform('from_filter', '"never"'),
        { id: 'choose', type: 'join', config: { mode: 'all' } },
        transform('beside', '"beside"'),
        { id: 'append', type: 'join', config: { mode: 'all' } },
        transform('end', 'steps.append.output.outputs'),
      ],
      edges: [
        'start > filter',
        'filter.some > from_filter',
        'from_filter > choose',
        'choose > append',
        'start > beside',
        'beside > append',
        'append > end',
      ],
    };
    for (const events of await both(drawing)) {
      expect(outputOf(events)).toMatchObject({ end: { beside: 'beside' } });
      expect(settledKeys(events, 'step.skipped')).toEqual(['choose', 'from_filter']);
    }
  });

  test('J6 waits in two branches pass side by side, each once', async () => {
    const waiting = (id: string) => ({ id, type: 'wait', config: { mode: 'duration', seconds: 0.4 } });
    const drawing: Drawing = {
      nodes: [
        start,
        waiting('one'),
        waiting('two'),
        loop('each', { items: [1, 2], concurrency: 2 }),
        waiting('inside'),
        transform('end', '1'),
      ],
      edges: [
        'start > one',
        'start > two',
        'start > each',
        'each.item > inside',
        'one > end',
        'two > end',
        'each.done > end',
      ],
    };
    for (const events of await both(drawing)) {
      const at = (kind: string) => events.filter((event) => event.kind === kind).map(({ seq }) => seq);
      expect(settledKeys(events, 'step.waiting')).toEqual(['each[0]/inside', 'each[1]/inside', 'one', 'two']);
      const woken = events.filter((event) => event.kind === 'step.started' && event.data.after === 'wait');
      expect(woken.map(({ stepKey }) => stepKey).sort()).toEqual(['each[0]/inside', 'each[1]/inside', 'one', 'two']);
      // all four wait before the first of them goes on
      expect(Math.max(...at('step.waiting'))).toBeLessThan(Math.min(...woken.map(({ seq }) => seq)));
    }
  });

  test('J7 a key with an emoji is read by an expression, in a loop too', async () => {
    const drawing: Drawing = {
      nodes: [
        start,
        loop('each', { items: '{{ run.input.rows }}' }),
        transform('read', 'item["🔥"]'),
        transform('end', '{"🔥": run.input["🔥"], "rows": steps.each.output.items}'),
      ],
      edges: ['start > each', 'each.item > read', 'each.done > end'],
    };
    const input = { '🔥': 1, rows: [{ '🔥': 2 }, { '🔥': 3 }] };
    for (const events of await both(drawing, input)) expect(outputOf(events)).toEqual({ '🔥': 1, rows: [2, 3] });
  });

  test('J10 iterations after an answer of a person, by another worker, still see all that was before it', async () => {
    const drawing: Drawing = {
      nodes: [
        start,
        code('before', 'return {names: ["ada", "bob"], greeting: "hello"};'),
        { id: 'ask', type: 'approval', config: { subject: 'go on?' } },
        loop('each', { items: '{{ steps.before.output.names }}', concurrency: 2 }),
        { id: 'ask_inside', type: 'approval', config: { subject: '{{ item }}' } },
        transform(
          'word',
          'steps.before.output.greeting + " " + item + " of " + run.input.town + ", said " + steps.ask_inside.output.by',
        ),
        transform('end', 'steps.each.output.items'),
      ],
      edges: [
        'start > before',
        'before > ask',
        'ask.approved > each',
        'each.item > ask_inside',
        'ask_inside.approved > word',
        'each.done > end',
      ],
    };
    const first = await shop.worker();
    const run = await shop.start(draw(drawing), { town: 'Bath' });
    await approve(run, 'ask', 'eve');
    await waitsAt(run, 'each[0]/ask_inside');
    await waitsAt(run, 'each[1]/ask_inside');
    await first.stop();
    const second = await shop.worker({ fastPath: false });
    await approve(run, 'each[1]/ask_inside', 'mia');
    await approve(run, 'each[0]/ask_inside', 'zoe');
    expect(outputOf(await shop.events(run))).toEqual(['hello ada of Bath, said zoe', 'hello bob of Bath, said mia']);
    await second.stop();
  });

  /** The row of a waiting step, once there is one. */
  const waitsAt = (runId: string, stepKey: string) =>
    eventually(`${stepKey} waits`, async () => {
      const rows = await shop.server.control.rows(runId);
      return rows?.steps.find((step) => step.stepKey === stepKey && step.state === 'waiting') ?? null;
    });

  const approve = async (runId: string, stepKey: string, by: string) => {
    const { epoch } = await waitsAt(runId, stepKey);
    const event = { kind: 'approval.decided', data: { approved: true, by } } as const;
    expect(await shop.server.control.wake({ runId, stepKey, epoch, event })).toBe('woken');
  };
});
