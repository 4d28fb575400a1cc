import { createHash } from 'node:crypto';
import type { AppendRequest, Speaker, StartRunRequest, WorkerSession } from '@switchyard/journal';
import type { NewEvent } from '@switchyard/pipeline';
import { expect } from 'vitest';
import { appendOf, startOf } from '../../harness/journal.ts';
import {
  ask,
  begin,
  claimIt,
  finish,
  type JournalCases,
  type JournalUnderTest,
  kindsOf,
  rowsOf,
  stepOf,
} from './case.ts';

const waits = (stepKey: string, child: string): NewEvent => ({
  kind: 'step.waiting',
  data: { reason: 'child', child },
  stepKey,
});

/** A start whose parent is this step. */
function childOf(
  under: JournalUnderTest,
  parent: { readonly runId: string; readonly stepKey: string; readonly depth?: number },
  more: Partial<StartRunRequest> = {},
): StartRunRequest {
  const request = startOf(under, ['x'], { mustBePublished: false, ...more });
  const { started } = request;
  const trigger = { node: 'start', kind: 'pipeline' } as const;
  const named = { run: parent.runId, step: parent.stepKey, depth: parent.depth ?? 1 };
  return { ...request, started: { ...started, data: { ...started.data, trigger, parent: named } } };
}

/** The append by which a step calls a child and waits for it. */
const call = (
  runId: string,
  me: Speaker,
  child: StartRunRequest,
  at: Partial<AppendRequest> = { version: 1, seen: 2 },
): AppendRequest =>
  appendOf(runId, me, [waits(me.stepKey, child.runId)], { ...at, ownState: { state: 'waiting' }, child });

/** A run whose step `a` waits for a child that has `x` due. */
async function family(under: JournalUnderTest) {
  const worker = await under.registerWorker();
  const runId = await begin(under, ['a']);
  const me = await claimIt(under, runId, 'a', worker);
  const child = childOf(under, { runId, stepKey: 'a' });
  expect((await under.journal.append(call(runId, me, child))).outcome).toBe('done');
  return { worker, runId, me, child };
}

const runs = async (under: JournalUnderTest, runId: string) => (await rowsOf(under, runId)).state;

const begins: JournalCases = {
  'a child begins with the wait for it, once, and its end makes the step due': async (under) => {
    const { worker, runId, me, child } = await family(under);
    expect((await under.journal.append(call(runId, me, child))).outcome).toBe('already');
    expect(await kindsOf(under, child.runId)).toEqual(['run.started']);
    expect(await under.control.family(runId)).toEqual([runId, child.runId]);
    expect(await stepOf(under, runId, 'a')).toMatchObject({ state: 'waiting', epoch: 1, held: false });
    expect(await ask(under, { runId, stepKey: 'a', epoch: 1 }, worker.id)).toBe('taken');
    expect(await finish(under, child.runId, await claimIt(under, child.runId, 'x', worker))).toBe('done');
    expect(await ask(under, { runId, stepKey: 'a', epoch: 1 }, worker.id)).toBe('claimed');
  },

  'a child that ends at once leaves its parent due': async (under) => {
    const worker = await under.registerWorker();
    const runId = await begin(under, ['a']);
    const me = await claimIt(under, runId, 'a', worker);
    const end: NewEvent = { kind: 'run.succeeded', data: { output: null }, stepKey: null };
    const child = childOf(under, { runId, stepKey: 'a' }, { open: [], events: [end], runState: 'succeeded' });
    expect((await under.journal.append(call(runId, me, child))).outcome).toBe('done');
    expect(await runs(under, child.runId)).toBe('succeeded');
    expect(await ask(under, { runId, stepKey: 'a', epoch: 1 }, worker.id)).toBe('claimed');
  },

  'no child begins after a cancel, nor for a step that lost its lease': async (under) => {
    const worker = await under.registerWorker();
    const runId = await begin(under, ['a']);
    const me = await claimIt(under, runId, 'a', worker);
    const lost = childOf(under, { runId, stepKey: 'a' });
    expect((await under.journal.append(call(runId, { ...me, epoch: 2 }, lost))).outcome).toBe('lost');
    await under.control.cancel({ runId, by: 'test' });
    const late = childOf(under, { runId, stepKey: 'a' });
    expect((await under.journal.append(call(runId, me, late, { version: 2, seen: 3 }))).outcome).toBe('stopped');
    expect(await under.control.rows(lost.runId)).toBeNull();
    expect(await under.control.rows(late.runId)).toBeNull();
  },

  'a child of a pipeline whose queue is full is refused, and nothing is written': async (under) => {
    const narrow = await under.anotherPipeline();
    const worker = await under.registerWorker();
    const runId = await begin(under, ['a']);
    const me = await claimIt(under, runId, 'a', worker);
    const target = { pipelineId: narrow.pipeline.id, revisionId: narrow.revision.id, limits: { queueMax: 1 } };
    expect((await under.journal.startRun(startOf(under, ['x'], target))).outcome).toBe('started');
    const child = childOf(under, { runId, stepKey: 'a' }, target);
    expect((await under.journal.append(call(runId, me, child))).outcome).toBe('full');
    expect(await kindsOf(under, runId)).toEqual(['run.started', 'step.started']);
    expect(await under.control.rows(child.runId)).toBeNull();
    const roomy = { ...child, limits: { queueMax: 2 } };
    expect((await under.journal.append(call(runId, me, roomy))).outcome).toBe('done');
  },

  'a value of the parent is the child’s too, without its bytes': async (under) => {
    const bytes = Buffer.from(`"${'v'.repeat(40_000)}"`);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const value = { blob: { sha256, bytes: bytes.length, mediaType: 'application/json', head: '', tail: '' } };
    const worker = await under.registerWorker();
    const runId = await begin(under, ['a']);
    const me = await claimIt(under, runId, 'a', worker);
    const bare = childOf(under, { runId, stepKey: 'a' });
    const { started } = bare;
    const child = { ...bare, started: { ...started, data: { ...started.data, input: value } } };
    const blobs = [{ sha256, mediaType: 'application/json', bytes }];
    expect((await under.journal.append({ ...call(runId, me, child), blobs })).outcome).toBe('done');
    expect((await under.journal.blob(sha256))?.equals(bytes)).toBe(true);
  },
};

/** Cancels what a holder holds: the last append of a run that was asked to stop. */
async function stopHolder(under: JournalUnderTest, runId: string, worker: WorkerSession): Promise<void> {
  const { version, seq } = await rowsOf(under, runId);
  const me = { stepKey: 'x', epoch: 1, n: 0, worker: worker.id };
  const end: readonly NewEvent[] = [
    { kind: 'step.cancelled', data: {}, stepKey: 'x' },
    { kind: 'run.cancelled', data: {}, stepKey: null },
  ];
  const request = appendOf(runId, me, end, {
    ...{ version, seen: seq, ownState: { state: 'cancelled' }, runState: 'cancelled' },
  });
  expect((await under.journal.append(request)).outcome).toBe('done');
}

const stops: JournalCases = {
  'cancel reaches every living descendant': async (under) => {
    const { worker, runId, child } = await family(under);
    const x = await claimIt(under, child.runId, 'x', worker);
    const grandchild = childOf(under, { runId: child.runId, stepKey: 'x', depth: 2 });
    expect((await under.journal.append(call(child.runId, x, grandchild))).outcome).toBe('done');
    expect(await under.control.family(runId)).toEqual([runId, child.runId, grandchild.runId]);
    await claimIt(under, grandchild.runId, 'x', worker);
    expect((await under.control.cancel({ runId, by: 'test' })).outcome).toBe('cancelled');
    expect([await runs(under, runId), await runs(under, child.runId)]).toEqual(['cancelled', 'cancelled']);
    expect(await rowsOf(under, grandchild.runId)).toMatchObject({ state: 'running', cancelRequested: true });
    await stopHolder(under, grandchild.runId, worker);
    expect(await under.control.family(runId)).toEqual([]);
  },

  'a child whose parent was cancelled by somebody who died is cancelled by the sweep': async (under) => {
    const { worker, runId, child } = await family(under);
    const { version, seq } = await rowsOf(under, runId);
    const stop: NewEvent = { kind: 'step.cancelled', data: {}, stepKey: 'a' };
    const failed: NewEvent = { kind: 'run.failed', data: { failure: { code: 'x', message: 'x' } }, stepKey: null };
    const end = appendOf(runId, null, [stop, failed], {
      ...{ version, seen: seq, touch: [{ stepKey: 'a', epoch: 1, to: 'cancelled' }], runState: 'failed' },
    });
    expect((await under.journal.append(end)).outcome).toBe('done');
    expect(await runs(under, child.runId)).toBe('running');
    await worker.sweep();
    expect(await runs(under, child.runId)).toBe('cancelled');
    const asked = (await under.journal.events(child.runId, { after: 1 }))[0];
    expect(asked?.data).toEqual({ by: 'parent' });
  },

  'pause reaches every living descendant, and a child of a paused run begins paused': async (under) => {
    const { worker, runId, child } = await family(under);
    const x = await claimIt(under, child.runId, 'x', worker);
    await under.control.pause({ runId, by: 'test' });
    expect(await rowsOf(under, child.runId)).toMatchObject({ paused: true, version: 2 });
    const grandchild = childOf(under, { runId: child.runId, stepKey: 'x', depth: 2 });
    const at = { version: 2, seen: 3 };
    expect((await under.journal.append(call(child.runId, x, grandchild, at))).outcome).toBe('done');
    expect(await rowsOf(under, grandchild.runId)).toMatchObject({ paused: true, seq: 2 });
    expect(await kindsOf(under, grandchild.runId)).toEqual(['run.started', 'run.paused']);
    expect(await ask(under, { runId: grandchild.runId, stepKey: 'x', epoch: 0 }, worker.id)).toBe('taken');
    const resumed: NewEvent = { kind: 'run.resumed', data: { by: 'test' }, stepKey: null };
    const resume = appendOf(grandchild.runId, null, [resumed], { version: 1, seen: 2 });
    expect((await under.journal.append(resume)).outcome).toBe('done');
    expect(await ask(under, { runId: grandchild.runId, stepKey: 'x', epoch: 0 }, worker.id)).toBe('claimed');
  },
};

/** Child runs: one transaction with the wait of their parent, one with its waking. */
export const childCases: JournalCases = { ...begins, ...stops };
