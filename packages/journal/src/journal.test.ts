import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  appendOf,
  claimFirst,
  type JournalBench,
  note,
  openJournalBench,
  started,
  startOf,
  startRun,
  succeeded,
} from '../../../test/harness/journal.ts';
import type { WorkerSession } from './contract.ts';

let bench: JournalBench;
let worker: WorkerSession;
let other: WorkerSession;

beforeAll(async () => {
  bench = await openJournalBench();
  worker = await bench.database.registerWorker({ build: 'test' });
  other = await bench.database.registerWorker({ build: 'test' });
});
afterAll(async () => {
  await worker.close();
  await other.close();
  await bench.close();
});

const journal = () => bench.database.journal;
const kinds = async (runId: string) => (await journal().events(runId, { after: 0 })).map((event) => event.kind);
const intent = {
  kind: 'tool.started',
  data: { turn: 1, call: { id: 'c', name: 'f', arguments: '{}' }, policy: 'ask' },
  stepKey: 'a',
} as const;

describe('startRun', () => {
  it('makes one run of twenty equal requests at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => journal().startRun(startOf(bench, ['a'], { dedupKey: 'same' }))),
    );
    expect(new Set(answers.map((answer) => ('runId' in answer ? answer.runId : answer.outcome))).size).toBe(1);
    expect(answers.filter((answer) => answer.outcome === 'started')).toHaveLength(1);
    expect(answers.filter((answer) => answer.outcome === 'exists')).toHaveLength(19);
    const [row] = await bench.test.sql<{ runs: number; steps: number }>(
      "select count(distinct r.id)::int as runs, count(*)::int as steps from run r join step s on s.run_id = r.id where r.dedup_key = 'same'",
    );
    expect(row).toEqual({ runs: 1, steps: 1 });
  });

  it('refuses a revision that is no longer published, but still finds the run that was acknowledged', async () => {
    const { pipelines } = bench.database.catalog;
    const made = await pipelines.create({ name: 'moving' });
    const first = await pipelines.publish({ id: made.id, ifVersion: 1 });
    if (first === null || 'conflict' in first) throw new Error('not published');
    const request = startOf(bench, ['a'], { pipelineId: made.id, revisionId: first.revision.id, dedupKey: 'once' });
    expect((await journal().startRun(request)).outcome).toBe('started');
    await pipelines.saveDraft({
      id: made.id,
      ifVersion: 1,
      document: { format: 1, nodes: [], edges: [], notes: [{ id: 'n', text: 'new', position: { x: 0, y: 0 } }] },
    });
    await pipelines.publish({ id: made.id, ifVersion: 2 });
    expect((await journal().startRun({ ...request, runId: startOf(bench, []).runId, dedupKey: 'twice' })).outcome).toBe(
      'stale_revision',
    );
    expect(await journal().startRun({ ...request, runId: startOf(bench, []).runId })).toMatchObject({
      outcome: 'exists',
      runId: request.runId,
    });
    expect(
      (
        await journal().startRun({
          ...request,
          runId: startOf(bench, []).runId,
          dedupKey: null,
          mustBePublished: false,
        })
      ).outcome,
    ).toBe('started');
  });

  it('ends a run in its first transaction when nothing is to do', async () => {
    const request = startOf(bench, [], {
      events: [{ kind: 'run.succeeded', data: { output: null }, stepKey: null }],
      runState: 'succeeded',
    });
    await journal().startRun(request);
    expect((await bench.database.catalog.runs.get(request.runId))?.endedAt).not.toBeNull();
  });
});

describe('append', () => {
  it('writes once, and says already to the very same call', async () => {
    const runId = await startRun(bench, ['a']);
    const me = await claimFirst(bench.database, runId, 'a', worker.id);
    const request = appendOf(runId, me, [note('a')]);
    expect(await journal().append(request)).toMatchObject({ outcome: 'done', seq: 3 });
    expect(await journal().append(request)).toMatchObject({ outcome: 'already' });
    expect(await kinds(runId)).toEqual(['run.started', 'step.started', 'note']);
    const [, begun, noted] = await journal().events(runId, { after: 0 });
    expect([begun?.epoch, begun?.n, noted?.epoch, noted?.n]).toEqual([1, 0, 1, 0]);
  });

  it('keeps any text as it was, also what jsonb refuses', async () => {
    const runId = await startRun(bench, ['a']);
    const me = await claimFirst(bench.database, runId, 'a', worker.id);
    const text = 'nul \u0000, a lone \ud800 half, "quotes" \\ and 漢字';
    await journal().append(appendOf(runId, me, [note('a', text)]));
    expect((await journal().events(runId, { after: 2 }))[0]?.data).toEqual({ text });
  });

  it('tells a writer who lost the lease, whatever of the fence differs', async () => {
    const runId = await startRun(bench, ['a']);
    const me = await claimFirst(bench.database, runId, 'a', worker.id);
    for (const wrong of [
      { ...me, epoch: 2 },
      { ...me, worker: other.id },
      { ...me, n: 3 },
      { ...me, stepKey: 'none' },
    ]) {
      expect((await journal().append(appendOf(runId, wrong, [note('a')]))).outcome).toBe('lost');
    }
    expect(await kinds(runId)).toEqual(['run.started', 'step.started']);
  });

  it('lets one of two racers start the join and tells the other what it missed', async () => {
    const runId = await startRun(bench, ['a', 'b']);
    const a = await claimFirst(bench.database, runId, 'a', worker.id);
    const b = await claimFirst(bench.database, runId, 'b', other.id);
    const finish = (speaker: typeof a) =>
      bench.database.journal.append(
        appendOf(runId, speaker, [succeeded(speaker.stepKey)], {
          version: 1,
          seen: 3,
          ownState: { state: 'succeeded' },
        }),
      );
    const second = await bench.openAnother();
    const answers = await Promise.all([
      finish(a),
      second.journal.append(
        appendOf(runId, b, [succeeded('b')], { version: 1, seen: 3, ownState: { state: 'succeeded' } }),
      ),
    ]);
    expect(answers.map((answer) => answer.outcome).sort()).toEqual(['behind', 'done']);
    const behind = answers.find((answer) => answer.outcome === 'behind');
    expect(behind?.missed.map((event) => event.kind)).toEqual(['step.succeeded']);
    expect(behind?.version).toBe(2);
    const late = answers[0]?.outcome === 'behind' ? a : b;
    const join = await journal().append(
      appendOf(runId, late, [succeeded(late.stepKey), started('join', late.worker)], {
        version: 2,
        seen: 4,
        ownState: { state: 'succeeded' },
        open: [{ stepKey: 'join', mine: true }],
      }),
    );
    expect(join).toMatchObject({ outcome: 'done', version: 3 });
    const held = (await bench.database.catalog.runs.steps(runId)).find((step) => step.key === 'join');
    expect(held).toMatchObject({ state: 'running', epoch: 1, owner: late.worker });
  });

  it('does not let lanes disturb each other: an append inside a step moves no version', async () => {
    const runId = await startRun(bench, ['a', 'b']);
    const a = await claimFirst(bench.database, runId, 'a', worker.id);
    const b = await claimFirst(bench.database, runId, 'b', other.id);
    const lane = async (speaker: typeof a) => {
      for (let n = 0; n < 5; n++)
        expect((await journal().append(appendOf(runId, { ...speaker, n }, [note(speaker.stepKey)]))).outcome).toBe(
          'done',
        );
    };
    await Promise.all([lane(a), lane(b)]);
    const events = await journal().events(runId, { after: 0 });
    expect(events.map((event) => event.seq)).toEqual(Array.from({ length: 13 }, (_, index) => index + 1));
    expect((await bench.database.catalog.runs.get(runId))?.version).toBe(1);
  });

  it('refuses an intent after a cancel, and everything after the end', async () => {
    const runId = await startRun(bench, ['a']);
    const me = await claimFirst(bench.database, runId, 'a', worker.id);
    await bench.database.control.cancel({ runId, by: 'test' });
    expect((await journal().append(appendOf(runId, me, [intent], { intent: true }))).outcome).toBe('stopped');
    const end = appendOf(
      runId,
      me,
      [
        { kind: 'step.cancelled', data: {}, stepKey: 'a' },
        { kind: 'run.cancelled', data: {}, stepKey: null },
      ],
      {
        version: 2,
        seen: 3,
        ownState: { state: 'cancelled' },
        runState: 'cancelled',
      },
    );
    expect((await journal().append(end)).outcome).toBe('done');
    expect((await journal().append(end)).outcome).toBe('already');
    expect(
      (
        await journal().append(
          appendOf(runId, null, [{ kind: 'run.paused', data: { by: 'test' }, stepKey: null }], { version: 3 }),
        )
      ).outcome,
    ).toBe('over');
    expect(await kinds(runId)).toEqual([
      'run.started',
      'step.started',
      'run.cancel_requested',
      'step.cancelled',
      'run.cancelled',
    ]);
  });

  it('touches others only at the epoch they were seen at', async () => {
    const runId = await startRun(bench, ['a', 'b', 'c']);
    const a = await claimFirst(bench.database, runId, 'a', worker.id);
    const request = appendOf(runId, a, [{ kind: 'step.cancelled', data: {}, stepKey: 'b' }], {
      version: 1,
      seen: 2,
      touch: [
        { stepKey: 'b', epoch: 0, to: 'cancelled' },
        { stepKey: 'c', epoch: 0, to: 'cancelled' },
      ],
    });
    await claimFirst(bench.database, runId, 'c', other.id);
    const behind = await journal().append(request);
    expect(behind).toMatchObject({ outcome: 'behind', version: 1 });
    expect(behind.live).toContainEqual({ stepKey: 'c', epoch: 1, held: true });
    const touch = [
      { stepKey: 'b', epoch: 0, to: 'cancelled' },
      { stepKey: 'c', epoch: 1, to: 'cancelled' },
    ] as const;
    expect((await journal().append({ ...request, touch })).outcome).toBe('done');
    const steps = await bench.database.catalog.runs.steps(runId);
    expect(steps.map((step) => [step.key, step.state, step.stopAt !== null])).toEqual([
      ['a', 'running', false],
      ['b', 'cancelled', false],
      ['c', 'running', true],
    ]);
  });

  it('wakes only what waits', async () => {
    const runId = await startRun(bench, ['a', 'b']);
    const a = await claimFirst(bench.database, runId, 'a', worker.id);
    const woken = { kind: 'step.woken', data: {}, stepKey: 'a' } as const;
    const wake = appendOf(runId, null, [woken], { version: 1, touch: [{ stepKey: 'a', epoch: 1, to: 'due' }] });
    expect((await journal().append(wake)).outcome).toBe('behind');
    const waiting = { kind: 'step.waiting', data: { reason: 'webhook' }, stepKey: 'a' } as const;
    await journal().append(appendOf(runId, a, [waiting], { version: 1, seen: 2, ownState: { state: 'waiting' } }));
    expect((await journal().append({ ...wake, version: 2 })).outcome).toBe('done');
    expect(await journal().claim({ runId, stepKey: 'a', epoch: 2, worker: worker.id, seen: 0 })).toMatchObject({
      outcome: 'claimed',
      epoch: 3,
    });
  });

  it('finishes a due pure step unclaimed, once: the other of two racers has lost', async () => {
    const runId = await startRun(bench, ['p']);
    const pure = (id: number) =>
      appendOf(
        runId,
        { stepKey: 'p', epoch: 0, n: null, worker: id },
        [started('p', id), succeeded('p'), started('q', id)],
        {
          version: 1,
          seen: 1,
          ownState: { state: 'succeeded' },
          open: [{ stepKey: 'q', mine: true }],
        },
      );
    expect((await journal().append(pure(worker.id))).outcome).toBe('done');
    expect((await journal().append(pure(worker.id))).outcome).toBe('already');
    expect((await journal().append(pure(other.id))).outcome).toBe('lost');
    expect(await kinds(runId)).toEqual(['run.started', 'step.started', 'step.succeeded', 'step.started']);
  });

  it('will not end a run that has a live step', async () => {
    const runId = await startRun(bench, ['a', 'b']);
    const a = await claimFirst(bench.database, runId, 'a', worker.id);
    const end = appendOf(runId, a, [succeeded('a'), { kind: 'run.succeeded', data: { output: null }, stepKey: null }], {
      version: 1,
      seen: 2,
      ownState: { state: 'succeeded' },
      runState: 'succeeded',
    });
    await expect(journal().append(end)).rejects.toMatchObject({ code: 'live_steps' });
    expect(await kinds(runId)).toEqual(['run.started', 'step.started']);
  });

  it('puts a retry back with its next attempt and a due time to come', async () => {
    const runId = await startRun(bench, ['a']);
    const me = await claimFirst(bench.database, runId, 'a', worker.id);
    const failure = { code: 'x', message: 'x' };
    const retry = { kind: 'step.retrying', data: { failure, attempt: 2, dueInMs: 60_000 }, stepKey: 'a' } as const;
    await journal().append(
      appendOf(runId, me, [retry], { version: 1, seen: 2, ownState: { state: 'queued', dueInMs: 60_000 } }),
    );
    expect((await journal().claim({ runId, stepKey: 'a', epoch: 1, worker: worker.id, seen: 0 })).outcome).toBe(
      'taken',
    );
    await bench.test.sql('update step set due_at = clock_timestamp() where run_id = $1', [runId]);
    const again = await journal().claim({ runId, stepKey: 'a', epoch: 1, worker: worker.id, seen: 0 });
    expect(again).toMatchObject({ outcome: 'claimed', epoch: 2, attempt: 2, crashes: 0 });
    expect((await journal().events(runId, { after: 3 }))[0]?.data).toEqual({
      attempt: 2,
      crashes: 0,
      worker: worker.id,
      after: 'retry',
    });
  });

  it('stores a blob once, whoever names it, and shows it only to runs that do', async () => {
    const bytes = Buffer.alloc(100_000, 'x');
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const runs = await Promise.all([startRun(bench, ['a']), startRun(bench, ['a'])]);
    await Promise.all(
      runs.map(async (runId) => {
        const me = await claimFirst(bench.database, runId, 'a', worker.id);
        const blobs = [{ sha256, mediaType: 'text/plain', bytes }];
        expect((await journal().append(appendOf(runId, me, [note('a')], { blobs }))).outcome).toBe('done');
        expect((await journal().append(appendOf(runId, { ...me, n: 1 }, [note('a')], { blobs }))).outcome).toBe('done');
      }),
    );
    expect(
      await bench.test.sql('select count(*)::int as blobs, (select count(*)::int from blob_ref) as refs from blob'),
    ).toEqual([{ blobs: 1, refs: 2 }]);
    expect((await journal().blob(sha256))?.equals(bytes)).toBe(true);
    expect((await bench.database.catalog.runs.blob(runs[0] ?? '', sha256))?.mediaType).toBe('text/plain');
    expect(await bench.database.catalog.runs.blob(startOf(bench, []).runId, sha256)).toBeNull();
  });
});

describe('claim', () => {
  it('is granted to one of many, again to the same asker, and to no late hint', async () => {
    const runId = await startRun(bench, ['a']);
    const hint = { runId, stepKey: 'a', epoch: 0, seen: 0 };
    const askers = Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? worker.id : other.id));
    const answers = await Promise.all(askers.map((id) => journal().claim({ ...hint, worker: id })));
    const owner = (await bench.database.catalog.runs.steps(runId))[0]?.owner;
    const granted = askers.map((id) => (id === owner ? 'claimed' : 'taken'));
    expect(answers.map((answer) => answer.outcome)).toEqual(granted);
    expect(await kinds(runId)).toEqual(['run.started', 'step.started']);
    await journal().append(appendOf(runId, { stepKey: 'a', epoch: 1, n: 0, worker: owner ?? 0 }, [note('a')]));
    expect((await journal().claim({ ...hint, worker: owner ?? 0 })).outcome).toBe('taken');
  });

  it('parks a step whose limiter is full and lets it go when a slot is free', async () => {
    await bench.test.sql("insert into limiter (key, max) values ('one', 1)");
    const runId = await startRun(bench, ['s']);
    const s = await claimFirst(bench.database, runId, 's', worker.id);
    const open = ['x', 'y'].map((stepKey) => ({ stepKey, mine: false, limit: { key: 'one', max: 1 } }));
    await journal().append(
      appendOf(runId, s, [succeeded('s')], { version: 1, seen: 2, ownState: { state: 'succeeded' }, open }),
    );
    const x = await claimFirst(bench.database, runId, 'x', worker.id);
    expect((await journal().claim({ runId, stepKey: 'y', epoch: 0, worker: worker.id, seen: 0 })).outcome).toBe('full');
    await journal().append(
      appendOf(runId, x, [succeeded('x')], { version: 2, seen: 4, ownState: { state: 'succeeded' } }),
    );
    expect((await journal().claim({ runId, stepKey: 'y', epoch: 0, worker: worker.id, seen: 0 })).outcome).toBe(
      'claimed',
    );
  });
});
