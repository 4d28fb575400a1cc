import { createHash } from 'node:crypto';
import type { NewEvent, StoredValue } from '@switchyard/pipeline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  appendOf,
  claimFirst,
  type JournalBench,
  note,
  openJournalBench,
  startOf,
  startRun,
} from '../../../test/harness/journal.ts';
import type { WorkerSession } from './contract.ts';

let bench: JournalBench;
let worker: WorkerSession;

beforeAll(async () => {
  bench = await openJournalBench();
  worker = await bench.database.registerWorker({ build: 'test' });
});
afterAll(async () => {
  await worker.close();
  await bench.close();
});

const journal = () => bench.database.journal;

describe('startRun', () => {
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
});

describe('append', () => {
  it('keeps any text as it was, also what jsonb refuses', async () => {
    const runId = await startRun(bench, ['a']);
    const me = await claimFirst(bench.database, runId, 'a', worker.id);
    const text = 'nul \u0000, a lone \ud800 half, "quotes" \\ and 漢字';
    await journal().append(appendOf(runId, me, [note('a', text)]));
    expect((await journal().events(runId, { after: 2 }))[0]?.data).toEqual({ text });
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

  it('refers to a value that a copied event names, without its bytes, and to nothing an inline value spells', async () => {
    const bytes = Buffer.from(JSON.stringify('y'.repeat(50_000)));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const first = await startRun(bench, ['a']);
    const me = await claimFirst(bench.database, first, 'a', worker.id);
    const blobs = [{ sha256, mediaType: 'application/json', bytes }];
    await journal().append(appendOf(first, me, [note('a')], { blobs }));
    const blob = { sha256, bytes: bytes.length, mediaType: 'application/json', head: '', tail: '' };
    const naming = (output: StoredValue) => {
      const event: NewEvent = { kind: 'step.succeeded', data: { output, ports: ['out'] }, stepKey: 'a' };
      return startOf(bench, ['b'], { events: [event] });
    };
    const [retry, other] = [naming({ blob }), naming({ inline: { blob } })];
    const gone = naming({ blob: { ...blob, sha256: '0'.repeat(64) } });
    for (const request of [retry, other, gone]) await journal().startRun(request);
    expect((await bench.database.catalog.runs.blob(retry.runId, sha256))?.bytes.equals(bytes)).toBe(true);
    expect(await bench.database.catalog.runs.blob(other.runId, sha256)).toBeNull();
    const stored = 'select size::int from blob where sha = $1';
    expect(await bench.test.sql(stored, [Buffer.from(sha256, 'hex')])).toEqual([{ size: bytes.length }]);
    expect(await bench.test.sql('select 1 from blob_ref where run_id = $1', [gone.runId])).toEqual([]);
  });
});
