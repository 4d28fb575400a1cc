import { type JournalEvent, type Json, type PipelineDocument, Settings } from '@switchyard/pipeline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../../test/harness/database.ts';
import { BACK_ENDS, type Drawing, draw, openWorkshop, told, type Workshop } from '../../../test/harness/workshop.ts';

/* Steps that wait: for a time, a call, a person, another run. A waiting step is held by nobody and outlives every worker. */

const start = { id: 'start', type: 'trigger.manual' };
const transform = (id: string, expression: string) => ({ id, type: 'transform', config: { expression } });
const kindsOf = (events: readonly JournalEvent[], stepKey: string) =>
  events.filter((event) => event.stepKey === stepKey).map((event) => event.kind);
const isWaiting = (events: readonly JournalEvent[]) => events.at(-1)?.kind === 'step.waiting';
const endOf = (events: readonly JournalEvent[]) => {
  const last = events.at(-1);
  return last?.kind === 'run.succeeded' ? last.data.output : (last?.data ?? null);
};

describe.each(BACK_ENDS)('waits with the queue on %s', (backEnd) => {
  let shop: Workshop;
  beforeAll(async () => {
    shop = await openWorkshop(backEnd);
    await shop.worker();
  });
  afterAll(() => shop.close());

  /** The row of a waiting step, once there is one. */
  const waitingStep = (runId: string, stepKey: string) =>
    eventually(`${stepKey} waits`, async () => {
      const rows = await shop.server.control.rows(runId);
      return rows?.steps.find((step) => step.stepKey === stepKey && step.state === 'waiting') ?? null;
    });
  const decide = async (runId: string, stepKey: string, approved: boolean) => {
    const { epoch } = await waitingStep(runId, stepKey);
    const event = { kind: 'approval.decided', data: { approved, by: 'ada', comment: 'seen' } } as const;
    return shop.server.control.wake({ runId, stepKey, epoch, event });
  };
  /** Publishes a pipeline that others can call. */
  const publish = async (slug: string, document: PipelineDocument) => {
    const { pipelines } = shop.server.catalog;
    const made = await pipelines.create({ name: slug, slug, document });
    const answer = await pipelines.publish({ id: made.id, ifVersion: made.version });
    if (answer === null || 'conflict' in answer) throw new Error('not published');
    return answer.revision;
  };

  test('a wait for a time is held by nobody and goes on by itself', async () => {
    const run = await shop.start(
      draw({
        nodes: [
          start,
          { id: 'rest', type: 'wait', config: { seconds: '{{ run.input.s }}' } },
          transform('after', '"rested"'),
        ],
        edges: ['start > rest', 'rest > after'],
      }),
      { s: 0.4 },
    );
    const row = await waitingStep(run, 'rest');
    expect(row.held).toBe(false);
    const events = await shop.events(run);
    expect(endOf(events)).toEqual({ inline: 'rested' });
    expect(kindsOf(events, 'rest')).toEqual(['step.started', 'step.waiting', 'step.started', 'step.succeeded']);
    const [waiting] = events.filter((event) => event.kind === 'step.waiting');
    expect(waiting?.data).toMatchObject({ reason: 'time', until: expect.stringMatching(/Z$/) });
  });

  test('a time that has passed is not waited for; one that is none fails and says which field', async () => {
    const until = (value: string) =>
      draw({
        nodes: [start, { id: 'rest', type: 'wait', config: { mode: 'until', until: value } }],
        edges: ['start > rest'],
      });
    const past = await shop.events(await shop.start(until('2020-01-01T00:00:00Z')));
    expect(kindsOf(past, 'rest')).toEqual(['step.started', 'step.succeeded']);
    const wrong = await shop.events(await shop.start(until('soon')));
    expect(wrong.at(-1)).toMatchObject({
      kind: 'run.failed',
      data: { failure: { code: 'invalid_config', node: 'rest' } },
    });
  });

  const APPROVAL: Drawing = {
    nodes: [
      start,
      { id: 'count', type: 'code', config: { code: 'return 1;' } },
      { id: 'ask', type: 'approval', config: { subject: { refund: '{{ run.input.amount }}' }, deadlineSeconds: 60 } },
      transform('yes', '"paid after " + steps.ask.output.comment'),
      transform('no', '"refused by " + steps.ask.output.by'),
      transform('late', '"nobody"'),
    ],
    edges: ['start > count', 'count > ask', 'ask.approved > yes', 'ask.rejected > no', 'ask.expired > late'],
  };

  test.each([
    [true, 'paid after seen'],
    [false, 'refused by ada'],
  ])('R16 R17: a decision (%s) goes on by one branch, and nothing before it runs again', async (approved, output) => {
    const run = await shop.start(draw(APPROVAL), { amount: 3 });
    const asked = await shop.events(run, isWaiting);
    expect(asked.at(-2)).toMatchObject({ kind: 'approval.requested', data: { subject: { inline: { refund: 3 } } } });
    expect(await decide(run, 'ask', approved)).toBe('woken');
    const events = await shop.events(run);
    expect(endOf(events)).toEqual({ inline: output });
    expect(kindsOf(events, 'count')).toEqual(['step.started', 'step.succeeded']);
    expect(events.filter((event) => event.kind === 'approval.requested')).toHaveLength(1);
    expect(events.filter((event) => event.kind === 'step.skipped')).toHaveLength(2);
  });

  test('S4: a decision is used once, also by two who decide at the same moment', async () => {
    const run = await shop.start(draw(APPROVAL), { amount: 1 });
    const { epoch } = await waitingStep(run, 'ask');
    const wake = (approved: boolean) =>
      shop.server.control.wake({
        runId: run,
        stepKey: 'ask',
        epoch,
        event: { kind: 'approval.decided', data: { approved, by: 'ada' } },
      });
    const answers = await Promise.all([wake(true), wake(false), wake(true)]);
    expect(answers.toSorted()).toEqual(['not_waiting', 'not_waiting', 'woken']);
    const events = await shop.events(run);
    expect(events.filter((event) => event.kind === 'approval.decided')).toHaveLength(1);
  });

  test('without an answer by its deadline an approval expires; a node that is out of time fails as timed out', async () => {
    const expiring = await shop.events(
      await shop.start(
        draw({
          nodes: [
            start,
            { id: 'ask', type: 'approval', config: { subject: 'x', deadlineSeconds: 0.2 } },
            transform('late', '"late"'),
          ],
          edges: ['start > ask', 'ask.expired > late'],
        }),
      ),
    );
    expect(endOf(expiring)).toEqual({ inline: 'late' });
    const timed = await shop.events(
      await shop.start(
        draw({
          nodes: [
            start,
            { id: 'ask', type: 'approval', config: { subject: 'x' }, timeoutSeconds: 0.2, onError: 'port' },
            transform('handled', 'steps.ask.error.code'),
          ],
          edges: ['start > ask', 'ask.error > handled'],
        }),
      ),
    );
    expect(endOf(timed)).toEqual({ inline: 'timed_out' });
  });

  test('a wait survives the worker that began it', async () => {
    const first = await openWorkshop(backEnd);
    const worker = await first.worker();
    const run = await first.start(draw(APPROVAL), { amount: 2 });
    await first.events(run, isWaiting);
    await worker.stop();
    const rows = await first.server.control.rows(run);
    const epoch = rows?.steps.find((step) => step.stepKey === 'ask')?.epoch ?? -1;
    const event = { kind: 'approval.decided', data: { approved: true, by: 'ada', comment: 'later' } } as const;
    expect(await first.server.control.wake({ runId: run, stepKey: 'ask', epoch, event })).toBe('woken');
    await first.worker();
    const events = await first.events(run);
    expect(endOf(events)).toEqual({ inline: 'paid after later' });
    await first.close();
  });

  const calling = (slug: string, node: object = {}) =>
    draw({
      nodes: [
        start,
        {
          id: 'call',
          type: 'pipeline',
          config: { pipeline: slug, input: { n: '{{ run.input.n }}' } },
          ...node,
        } as Json,
        transform('after', 'steps.call.output'),
      ],
      edges: ['start > call', 'call > after'],
    });
  const called = { id: 'called', type: 'trigger.pipeline' };

  test('a called pipeline gets its input and gives its output; publishing it anew changes nothing for its caller', async () => {
    const before = await publish(
      `double-${backEnd}`,
      draw({ nodes: [called, transform('twice', 'run.input.n * 2.0')], edges: ['called > twice'] }),
    );
    const document = calling(`double-${backEnd}`);
    const run = await shop.start(document, { n: 21 });
    const events = await shop.events(run);
    expect(endOf(events)).toEqual({ inline: 42 });
    const child = events.flatMap((event) => (event.kind === 'step.waiting' ? [event.data.child ?? ''] : []))[0] ?? '';
    const childEvents = await shop.events(child);
    expect(childEvents[0]?.data).toMatchObject({
      parent: { run, step: 'call', depth: 1 },
      revision: { id: before.id },
      trigger: { kind: 'pipeline' },
    });
  });

  test('S1: a child that fails after its wait fails the step of its parent, with the child’s own error', async () => {
    await publish(
      `breaks-${backEnd}`,
      draw({
        nodes: [
          called,
          { id: 'rest', type: 'wait', config: { seconds: 0.1 } },
          transform('boom', 'run.input.nothing.here'),
        ],
        edges: ['called > rest', 'rest > boom'],
      }),
    );
    const events = await shop.events(await shop.start(calling(`breaks-${backEnd}`), { n: 1 }));
    const child = events.flatMap((event) => (event.kind === 'step.waiting' ? [event.data.child] : []))[0];
    const childEnd = (await shop.events(child ?? '')).at(-1);
    if (childEnd?.kind !== 'run.failed') throw new Error('the child did not fail');
    expect(events.at(-1)).toMatchObject({
      kind: 'run.failed',
      data: { failure: { code: childEnd.data.failure.code, node: 'call', details: { run: child } } },
    });
    expect(kindsOf(events, 'after')).toEqual([]);
  });

  test('a call that is out of time fails as timed out, and the called run is cancelled', async () => {
    await publish(
      `endless-${backEnd}`,
      draw({
        nodes: [called, { id: 'ask', type: 'approval', config: { subject: 'ever?' } }],
        edges: ['called > ask'],
      }),
    );
    const events = await shop.events(
      await shop.start(calling(`endless-${backEnd}`, { timeoutSeconds: 0.5 }), { n: 1 }),
    );
    expect(events.at(-1)).toMatchObject({ kind: 'run.failed', data: { failure: { code: 'timed_out', node: 'call' } } });
    const child = events.flatMap((event) => (event.kind === 'step.waiting' ? [event.data.child ?? ''] : []))[0] ?? '';
    expect((await shop.events(child)).at(-1)?.kind).toBe('run.cancelled');
  });

  test('a call that is not waited for goes on at once, and its run ends on its own', async () => {
    await publish(
      `apart-${backEnd}`,
      draw({ nodes: [called, { id: 'rest', type: 'wait', config: { seconds: 0.1 } }], edges: ['called > rest'] }),
    );
    const config = { pipeline: `apart-${backEnd}`, wait: false };
    const events = await shop.events(await shop.start(calling(`apart-${backEnd}`, { config })));
    const last = events.at(-1);
    if (last?.kind !== 'run.succeeded' || !last.data.output || !('inline' in last.data.output))
      throw new Error('failed');
    expect(kindsOf(events, 'call')).toEqual(['step.started', 'step.waiting', 'step.started', 'step.succeeded']);
    const { run } = last.data.output.inline as { readonly run: string };
    expect((await shop.events(run)).at(-1)?.kind).toBe('run.succeeded');
  });

  test('a call into a full line fails as queue_full, and is made when there is room again', async () => {
    const slug = `narrow-${backEnd}`;
    const document = draw({
      nodes: [called, { id: 'ask', type: 'approval', config: { subject: 'go?' } }],
      edges: ['called > ask'],
    });
    await publish(slug, { ...document, settings: Settings.parse({ queueMax: 1 }) });
    const first = await shop.start(calling(slug), { n: 1 });
    const [waiting] = (await shop.events(first, isWaiting)).slice(-1);
    const holder = waiting?.kind === 'step.waiting' ? (waiting.data.child ?? '') : '';
    const second = await shop.start(calling(slug, { retry: { attempts: 50, backoffSeconds: 0.1 } }), { n: 2 });
    const refused = await shop.events(second, (events) => events.some((event) => event.kind === 'step.retrying'));
    expect(refused.find((event) => event.kind === 'step.retrying')?.data).toMatchObject({
      failure: { code: 'queue_full' },
    });
    await decide(holder, 'ask', true);
    expect((await shop.events(first)).at(-1)?.kind).toBe('run.succeeded');
    const child = await eventually('the second call is made', async () => {
      const events = await shop.database.journal.events(second, { after: 0 });
      const last = events.findLast((event) => event.kind === 'step.waiting');
      return last?.kind === 'step.waiting' ? (last.data.child ?? null) : null;
    });
    await decide(child, 'ask', true);
    expect((await shop.events(second)).at(-1)?.kind).toBe('run.succeeded');
  });

  test('a failure beside a waiting step ends the wait with the run', async () => {
    const run = await shop.start(
      draw({
        nodes: [
          start,
          { id: 'ask', type: 'approval', config: { subject: 'x' } },
          { id: 'rest', type: 'wait', config: { seconds: 0.3 } },
          transform('boom', 'run.input.nothing.here'),
        ],
        edges: ['start > ask', 'start > rest', 'rest > boom'],
      }),
    );
    const events = await shop.events(run);
    expect(events.at(-1)).toMatchObject({ kind: 'run.failed', data: { failure: { node: 'boom' } } });
    expect(kindsOf(events, 'ask').at(-1)).toBe('step.cancelled');
  });

  test('a pipeline that calls itself ends at a depth, and says so', async () => {
    const slug = `self-${backEnd}`;
    const document = draw({
      nodes: [called, { id: 'again', type: 'pipeline', config: { pipeline: slug } }],
      edges: ['called > again'],
    });
    const revision = await publish(slug, document);
    const run = await shop.startRevision(revision);
    const events = await shop.events(run);
    expect(events.at(-1)).toMatchObject({ kind: 'run.failed', data: { failure: { code: 'depth_exceeded' } } });
  }, 60_000);

  test('the journal of a wait is the same with the fast path off', async () => {
    const other = await openWorkshop(backEnd);
    const document = draw({
      nodes: [start, transform('a', '1'), { id: 'rest', type: 'wait', config: { seconds: 0.05 } }, transform('b', '2')],
      edges: ['start > a', 'a > rest', 'rest > b'],
    });
    const ways: string[][] = [];
    for (const fastPath of [true, false]) {
      const worker = await other.worker({ fastPath, concurrency: 1 });
      const events = await other.events(await other.start(document));
      ways.push(told(events).map((line) => line.replace(/"until":"[^"]*"/g, '"until":"…"')));
      await worker.stop();
    }
    expect(ways[0]).toEqual(ways[1]);
    await other.close();
  });
});
