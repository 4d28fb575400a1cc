import type { PipelineDocument } from '@switchyard/pipeline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  appendOf,
  claimFirst,
  type JournalBench,
  openJournalBench,
  startOf,
} from '../../../../test/harness/journal.ts';

let bench: JournalBench;

beforeAll(async () => {
  bench = await openJournalBench();
});
afterAll(() => bench.close());

const catalog = () => bench.database.catalog;
const AT = { position: { x: 0, y: 0 }, onError: 'fail' } as const;

/** A document whose nodes call these pipelines; `text` makes it another content. */
const calling = (slugs: Readonly<Record<string, string>>, text = 'one'): PipelineDocument => ({
  format: 1,
  nodes: Object.entries(slugs).map(([id, pipeline]) => ({
    id,
    type: 'pipeline',
    config: { pipeline, input: {} },
    ...AT,
  })),
  edges: [],
  notes: [{ id: 'n', text, position: { x: 0, y: 0 } }],
});

const create = (name: string, document: PipelineDocument) => catalog().pipelines.create({ name, document });

async function publish(id: string, ifVersion: number) {
  const answer = await catalog().pipelines.publish({ id, ifVersion });
  if (answer === null || 'conflict' in answer) throw new Error('not published');
  return answer.revision;
}

describe('pins', () => {
  it('are the revisions published when the caller is, and stay what they were', async () => {
    const callee = await create('callee', calling({}, 'first'));
    const first = await publish(callee.id, 1);
    const caller = await create('caller', calling({ call: callee.slug }));
    const before = await publish(caller.id, 1);
    expect(before.pins).toEqual({ call: first.id });
    await catalog().pipelines.saveDraft({ id: callee.id, ifVersion: 1, document: calling({}, 'second') });
    const second = await publish(callee.id, 2);
    expect((await catalog().revisions.get(before.id))?.pins).toEqual({ call: first.id });
    const after = await publish(caller.id, 1);
    expect(after).toMatchObject({ number: 2, pins: { call: second.id } });
    expect(after.hash).not.toBe(before.hash);
    expect((await publish(caller.id, 1)).id).toBe(after.id);
  });

  it('name the revision being made where a pipeline calls itself, and the same content stays one revision', async () => {
    const own = await create('own', calling({}));
    const document = calling({ again: own.slug });
    await catalog().pipelines.saveDraft({ id: own.id, ifVersion: 1, document });
    const draft = await catalog().revisions.snapshot(own.id, document);
    expect(draft.pins).toEqual({ again: draft.id });
    const published = await publish(own.id, 2);
    expect(published).toMatchObject({ id: draft.id, number: 1, pins: { again: draft.id } });
  });

  it('are part of a draft that is run too', async () => {
    const callee = await create('called by a draft', calling({}));
    const { id } = await publish(callee.id, 1);
    const caller = await create('drafted', calling({}));
    const snapshot = await catalog().revisions.snapshot(caller.id, calling({ x: callee.slug, y: callee.slug }));
    expect(snapshot).toMatchObject({ number: null, pins: { x: id, y: id } });
  });

  it('refuse what is not published, naming node and pipeline, and then nothing is', async () => {
    const callee = await create('never published', calling({}));
    const caller = await create('hasty', calling({ call: callee.slug }));
    const refused = { code: 'pipeline_not_published', next: 'conflict' };
    await expect(publish(caller.id, 1)).rejects.toMatchObject({
      ...refused,
      message: expect.stringMatching(/node call: .*'never-published'/),
    });
    const missing = catalog().revisions.snapshot(caller.id, calling({ call: 'no-such' }));
    await expect(missing).rejects.toMatchObject({ ...refused, hint: 'choose a pipeline that exists' });
    expect(await catalog().pipelines.get(caller.id)).toMatchObject({ publishedRevisionId: null });
  });
});

describe('publishing', () => {
  it('sets the numbers of limits, which a draft’s run makes but does not change', async () => {
    const limiter = async () =>
      (await bench.test.sql("select max, per_seconds from limiter where key = 'api'"))[0] ?? null;
    const started = async (max: number) => {
      const stepLimits = { a: { key: 'api', max } };
      await bench.database.journal.startRun(startOf(bench, ['a'], { stepLimits }));
    };
    const withLimit = (limit: { key: string; max: number; perSeconds?: number }): PipelineDocument => ({
      ...calling({}),
      nodes: [{ id: 'a', type: 'http', config: {}, limit, ...AT }],
    });
    await started(3);
    expect(await limiter()).toEqual({ max: 3, per_seconds: null });
    await started(9);
    expect(await limiter()).toEqual({ max: 3, per_seconds: null });
    const made = await create('limited', withLimit({ key: 'api', max: 7, perSeconds: 60 }));
    await publish(made.id, 1);
    expect(await limiter()).toEqual({ max: 7, per_seconds: 60 });
    await started(1);
    expect(await limiter()).toEqual({ max: 7, per_seconds: 60 });
  });
});

describe('families', () => {
  it('are listed by parent and by root, and say where each run stands', async () => {
    const worker = await bench.database.registerWorker({ build: 'test' });
    const root = startOf(bench, ['a'], { limits: { priority: 4 } });
    await bench.database.journal.startRun(root);
    const call = async (runId: string, stepKey: string, depth: number) => {
      const me = await claimFirst(bench.database, runId, stepKey, worker.id);
      const child = startOf(bench, ['x'], { mustBePublished: false });
      const parent = { run: runId, step: stepKey, depth };
      const started = { ...child.started, data: { ...child.started.data, parent } };
      const wait = { kind: 'step.waiting', data: { reason: 'child', child: child.runId }, stepKey } as const;
      const at = { version: 1, seen: 2, ownState: { state: 'waiting' } } as const;
      await bench.database.journal.append(appendOf(runId, me, [wait], { ...at, child: { ...child, started } }));
      return child.runId;
    };
    const child = await call(root.runId, 'a', 1);
    const grandchild = await call(child, 'x', 2);
    const { runs } = catalog();
    const ids = async (filter: Parameters<typeof runs.list>[0]) => (await runs.list(filter)).rows.map((run) => run.id);
    expect(await ids({ parentRunId: root.runId, limit: 10 })).toEqual([child]);
    expect((await ids({ rootRunId: root.runId, limit: 10 })).sort()).toEqual([root.runId, child, grandchild].sort());
    expect(await runs.get(grandchild)).toMatchObject({
      parent: { runId: child, stepKey: 'x' },
      rootRunId: root.runId,
      ...{ depth: 2, priority: 0, paused: false },
    });
    expect(await runs.get(root.runId)).toMatchObject({ parent: null, rootRunId: root.runId, depth: 0, priority: 4 });
    await worker.close();
  });
});
