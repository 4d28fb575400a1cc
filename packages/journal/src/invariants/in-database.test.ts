import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  appendOf,
  claimFirst,
  type JournalBench,
  note,
  openJournalBench,
  startRun,
  succeeded,
} from '../../../../test/harness/journal.ts';
import type { WorkerSession } from '../contract.ts';
import { checkInvariants } from './in-database.ts';

/* Each invariant is shown a journal that breaks it: a check that cannot be red proves nothing. */

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

/** A run with a step that is done and one that is held. */
async function begun(): Promise<string> {
  const runId = await startRun(bench, ['a', 'b']);
  const a = await claimFirst(bench.database, runId, 'a', worker.id);
  await claimFirst(bench.database, runId, 'b', worker.id);
  await bench.database.journal.append(
    appendOf(runId, a, [note('a'), succeeded('a')], { version: 1, seen: 3, ownState: { state: 'succeeded' } }),
  );
  return runId;
}

const broken = async (): Promise<string[]> =>
  (await checkInvariants(bench.test.url)).filter((finding) => finding.broken.length > 0).map(({ id }) => id);

const add = (kind: string, data: string, more = "'a', 1, 5") =>
  `insert into event (run_id, seq, kind, data, step_key, epoch, n, at)
   select id, seq + 1, '${kind}', '${data}', ${more}, clock_timestamp() from run where id = $1`;
const COUNT = 'update run set seq = seq + 1 where id = $1';

describe('the invariants on a live database', () => {
  it('are sound in a sound journal, and say of how many runs', async () => {
    await begun();
    const findings = await checkInvariants(bench.test.url);
    expect(await broken()).toEqual([]);
    expect(findings.length).toBeGreaterThan(14);
    expect(findings.every(({ runs }) => runs > 0)).toBe(true);
  });

  it.each([
    ['I1', [add('step.started', '{"attempt":1,"crashes":0,"worker":1}', "'b', 1, 0"), COUNT]],
    ['I2', [add('note', '{"text":"x"}')]],
    ['I3', ["update step set state = 'failed', owner = null where run_id = $1 and key = 'a'"]],
    ['I4', [add('tool.finished', '{"call":"c"}'), COUNT, add('tool.finished', '{"call":"c"}'), COUNT]],
    ['I5', [add('run.succeeded', '{"output":null}', 'null, null, null'), COUNT]],
    ['I6', ["update step set state = 'cancelled', owner = null where run_id = $1 and key = 'b'"]],
    ['I9', [add('approval.decided', '{"approved":true,"by":"x"}'), COUNT]],
    ['I13', [add('turn.finished', '{"turn":1}'), COUNT, add('turn.finished', '{"turn":1}'), COUNT]],
    ['I14', [add('step.failed', '{}'), COUNT]],
    [
      'I15',
      [
        add('run.cancel_requested', '{"by":"x"}', 'null, null, null'),
        COUNT,
        add('tool.started', '{"call":{"id":"d"}}', "'b', 1, 1"),
        COUNT,
      ],
    ],
    ['I16', [add('step.started', '{"attempt":7,"crashes":0,"worker":1}', "'b', 3, 0"), COUNT]],
    ['I18', ["insert into blob_ref (run_id, sha) values ($1, '\\x00')"]],
  ] as const)('%s is seen broken', async (id, statements) => {
    const runId = await begun();
    await bench.test.sql('alter table event disable trigger all');
    for (const statement of statements) await bench.test.sql(statement, [runId]);
    expect(await broken()).toContain(id);
    const finding = (await checkInvariants(bench.test.url)).find((one) => one.id === id);
    expect(finding?.broken).toContain(runId);
    expect(finding?.remedy).toBeTruthy();
  });
});
