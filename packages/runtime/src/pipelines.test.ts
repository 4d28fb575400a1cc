import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JournalEvent, StoredValue } from '@switchyard/pipeline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BACK_ENDS, type Drawing, draw, openWorkshop, told, type Workshop } from '../../../test/harness/workshop.ts';

/*
 * Pipelines to their end on real parts. One suite for each queue back end, and within it each pipeline with the fast path
 * on and off: the two journals must not differ but for times.
 */

const outputOf = (events: readonly JournalEvent[]): StoredValue | null => {
  const end = events.at(-1);
  if (end?.kind !== 'run.succeeded') throw new Error(`the run ended otherwise: ${JSON.stringify(end)}`);
  return end.data.output;
};
const kindsOf = (events: readonly JournalEvent[], stepKey: string) =>
  events.filter((event) => event.stepKey === stepKey).map((event) => event.kind);

const transform = (id: string, expression: string) => ({ id, type: 'transform', config: { expression } });
const code = (id: string, body: string, input: Record<string, string> = {}) => ({
  id,
  type: 'code',
  config: { code: body, input },
});
const start = { id: 'start', type: 'trigger.manual' };

const DIAMOND: Drawing = {
  nodes: [
    start,
    transform('a', 'run.input.n'),
    transform('left', 'steps.a.output + 1.0'),
    transform('right', 'steps.a.output * 10.0'),
    transform('join', '[steps.left.output, steps.right.output]'),
  ],
  edges: ['start > a', 'a > left', 'a > right', 'left > join', 'right > join'],
};
const MIXED_DIAMOND: Drawing = {
  nodes: [
    start,
    code('left', 'return input.n + 1;', { n: '{{ run.input.n }}' }),
    code('right', 'return input.n * 10;', { n: '{{ run.input.n }}' }),
    transform('join', '[steps.left.output, steps.right.output]'),
  ],
  edges: ['start > left', 'start > right', 'left > join', 'right > join'],
};
const BRANCH: Drawing = {
  nodes: [
    start,
    { id: 'choose', type: 'branch', config: { cases: [{ port: 'big', when: 'run.input.n > 10.0' }] } },
    transform('large', '"large"'),
    transform('large2', 'steps.large.output + "!"'),
    transform('small', '"small"'),
    code('both', 'return input.a ?? input.b;', { a: '{{ steps.large2.output }}', b: '{{ steps.small.output }}' }),
  ],
  edges: [
    'start > choose',
    'choose.big > large',
    'large > large2',
    'choose.else > small',
    'large2 > both',
    'small > both',
  ],
};
const LONG: Drawing = {
  nodes: [
    start,
    code('one', 'return "x".repeat(40000);'),
    transform('two', 'size(steps.one.output)'),
    transform('three', 'steps.one.output + "y"'),
    code('four', 'return input.text.length;', { text: '{{ steps.three.output }}' }),
    {
      id: 'reply',
      type: 'respond',
      config: { body: { two: '{{ steps.two.output }}', four: '{{ steps.four.output }}' } },
    },
  ],
  edges: ['start > one', 'one > two', 'two > three', 'three > four', 'four > reply'],
};
const BROKEN: Drawing = {
  nodes: [
    start,
    transform('a', '1'),
    transform('wrong', 'steps.a.output.nothing.here'),
    transform('beside', '2'),
    code('never', 'return 1;'),
  ],
  edges: ['start > a', 'a > wrong', 'a > beside', 'wrong > never', 'beside > never'],
};

describe.each(BACK_ENDS)('pipelines with the queue on %s', (backEnd) => {
  let shop: Workshop;
  let site: Server;
  let origin: string;

  const seen: unknown[] = [];
  beforeAll(async () => {
    shop = await openWorkshop(backEnd);
    site = createServer((request, response) => {
      response.statusCode = request.url === '/missing' ? 404 : 200;
      response.setHeader('content-type', 'application/json');
      seen.push(request.headers['x-order-key']);
      response.end(JSON.stringify({ path: request.url, method: request.method }));
    });
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    site.close();
    await shop.close();
  });

  /** The same run once with the fast path and once without, one step at a time so that branches come in one order. */
  const bothWays = async (drawing: Drawing, input = { n: 20 }) => {
    const ways: (readonly JournalEvent[])[] = [];
    for (const fastPath of [true, false]) {
      const worker = await shop.worker({ fastPath, concurrency: 1, allow: [{ origin, pathPrefix: '/' }] });
      ways.push(await shop.events(await shop.start(draw(drawing), input)));
      await worker.stop();
    }
    const [on = [], off = []] = ways;
    return { on, off };
  };

  test.each([
    ['diamond of pure steps', DIAMOND, [21, 200]],
    ['diamond of work', MIXED_DIAMOND, [21, 200]],
    ['branch', BRANCH, 'large!'],
  ])('%s: the right end, and the same journal with and without the fast path', async (_name, drawing, output) => {
    const { on, off } = await bothWays(drawing);
    expect(outputOf(on)).toEqual({ inline: output });
    expect(told(off)).toEqual(told(on));
  });

  test('a branch not taken is skipped to its end', async () => {
    const { on } = await bothWays(BRANCH, { n: 1 });
    expect(outputOf(on)).toEqual({ inline: 'small' });
    expect(kindsOf(on, 'large')).toEqual(['step.skipped']);
    expect(kindsOf(on, 'large2')).toEqual(['step.skipped']);
  });

  test('values over 32 KiB live in the blob store and are whole in expressions', async () => {
    const { on, off } = await bothWays(LONG);
    const first = on.find((event) => event.kind === 'step.succeeded' && event.stepKey === 'one');
    expect(first?.data).toMatchObject({ output: { blob: { bytes: 40_002, mediaType: 'application/json' } } });
    expect(outputOf(on)).toEqual({ inline: { status: 200, headers: {}, body: { two: 40_000, four: 40_001 } } });
    expect(told(off)).toEqual(told(on));
  });

  test('a failed pure step ends the run and cancels what is ready beside it', async () => {
    const { on, off } = await bothWays(BROKEN);
    expect(on.at(-1)).toMatchObject({ kind: 'run.failed', data: { failure: { node: 'wrong' } } });
    expect(kindsOf(on, 'beside')).toEqual(['step.cancelled']);
    expect(told(off)).toEqual(told(on));
  });

  test('http: the answer of a server, a failure by its status, and the error port', async () => {
    await shop.worker({ allow: [{ origin, pathPrefix: '/' }] });
    const run = await shop.start(
      draw({
        nodes: [
          start,
          { id: 'get', type: 'http', config: { url: `${origin}/orders/{{ run.input.id }}` } },
          { id: 'gone', type: 'http', config: { url: `${origin}/missing` }, onError: 'port' },
          transform('handled', '[steps.get.output.body.path, steps.gone.error.code]'),
          transform('unreached', '1'),
        ],
        edges: ['start > get', 'get > gone', 'gone.error > handled', 'gone > unreached'],
      }),
      { id: 7 },
    );
    const events = await shop.events(run);
    expect(outputOf(events)).toEqual({ inline: ['/orders/7', 'http_status'] });
    expect(kindsOf(events, 'unreached')).toEqual(['step.skipped']);
  });

  test('http: a credential goes to its own host, to no other, and into no event', async () => {
    await shop.worker({ allow: [{ origin, pathPrefix: '/' }] });
    const secret = 'canary-b2a1';
    const { credentials } = shop.database.catalog;
    await credentials.set('orders', { header: 'X-Order-Key', value: secret, hosts: [new URL(origin).host] });
    await credentials.set('elsewhere', { header: 'X-Order-Key', value: secret, hosts: ['api.example.com'] });
    const call = (id: string, credential: string) => ({
      id,
      type: 'http',
      config: { url: `${origin}/orders`, credential },
      onError: 'port',
    });
    seen.length = 0;
    const run = await shop.start(
      draw({
        nodes: [
          start,
          call('right', 'orders'),
          call('wrong', 'elsewhere'),
          call('none', 'missing'),
          transform('codes', '[steps.wrong.error.code, steps.none.error.code]'),
        ],
        edges: ['start > right', 'right > wrong', 'wrong.error > none', 'none.error > codes'],
      }),
    );
    const events = await shop.events(run);
    expect(outputOf(events)).toEqual({ inline: ['credential_host', 'unknown_credential'] });
    expect(seen).toEqual([secret]);
    expect(JSON.stringify(events)).not.toContain(secret);
  });

  test('http: the outbound client refuses what is not allowed', async () => {
    await shop.worker();
    const events = await shop.events(
      await shop.start(
        draw({
          nodes: [start, { id: 'get', type: 'http', config: { url: 'http://127.0.0.1:9/secret' } }],
          edges: ['start > get'],
        }),
      ),
    );
    expect(events.at(-1)).toMatchObject({
      kind: 'run.failed',
      data: { failure: { code: 'egress_denied', node: 'get' } },
    });
  });

  test('two hundred branches meet in one join, which runs once', async () => {
    await shop.worker();
    await shop.worker();
    const lanes = Array.from({ length: 200 }, (_, i) => `lane${i}`);
    const nodes = [
      start,
      ...lanes.map((id, i) => transform(id, `${i}.0`)),
      transform('join', `[${lanes.map((id) => `steps.${id}.output`).join(', ')}].sum()`),
    ];
    const events = await shop.events(
      await shop.start(
        draw({ nodes, edges: [...lanes.map((id) => `start > ${id}`), ...lanes.map((id) => `${id} > join`)] }),
      ),
    );
    expect(outputOf(events)).toEqual({ inline: 19_900 });
    expect(kindsOf(events, 'join')).toEqual(['step.started', 'step.succeeded']);
  });
});
