import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../test/harness/database.ts';
import {
  appendOf,
  claimFirst,
  type JournalBench,
  note,
  openJournalBench,
  startRun,
} from '../../../test/harness/journal.ts';
import type { StepHint, WorkerSession } from './contract.ts';

let bench: JournalBench;
let sessions: WorkerSession[];

beforeEach(async () => {
  bench = await openJournalBench();
  sessions = [];
});
afterEach(async () => {
  for (const session of sessions) await session.close();
  await bench.close();
});

const register = async (): Promise<WorkerSession> => {
  const session = await bench.database.registerWorker({ build: 'test' });
  sessions.push(session);
  return session;
};

/** Locks of workers in this database; another database on the server has workers with the same ids. */
const OWN_LOCKS =
  "locktype = 'advisory' and classid = 21337 and granted and database = (select oid from pg_database where datname = current_database())";

/** Ends the connection that holds a worker's lock, as the end of its process would. */
const killSession = (id: number) =>
  bench.test.sql(`select pg_terminate_backend(pid) from pg_locks where ${OWN_LOCKS} and objid = $1`, [id]);

const sweepUntil = (by: WorkerSession, runId: string): Promise<StepHint> =>
  eventually('the sweep to name the step', async () => (await by.sweep()).find((hint) => hint.runId === runId) ?? null);

describe('worker session', () => {
  it('takes over the steps of a dead worker by its lock, long before its time is up', async () => {
    const [dead, alive] = [await register(), await register()];
    const runId = await startRun(bench, ['a']);
    await claimFirst(bench.database, runId, 'a', dead.id);
    await killSession(dead.id);
    const hint = await sweepUntil(alive, runId);
    expect(hint).toEqual({ runId, stepKey: 'a', epoch: 2 });
    const [row] = await bench.test.sql(
      'select dead_at is not null as dead, dead_at < alive_until as early from worker where id = $1',
      [dead.id],
    );
    expect(row).toEqual({ dead: true, early: true });
    const claimed = await bench.database.journal.claim({ ...hint, worker: alive.id, seen: 0 });
    expect(claimed).toMatchObject({ outcome: 'claimed', epoch: 3, attempt: 1, crashes: 1 });
    const last = (await bench.database.journal.events(runId, { after: 2 }))[0];
    expect(last?.data).toEqual({ attempt: 1, crashes: 1, worker: alive.id, after: 'worker_lost' });
    const late = await bench.database.journal.append(
      appendOf(runId, { stepKey: 'a', epoch: 1, n: 0, worker: dead.id }, [note('a')]),
    );
    expect(late.outcome).toBe('lost');
    expect(await dead.pulse()).toEqual({ outcome: 'dead' });
    expect((await bench.database.journal.claim({ ...hint, worker: dead.id, seen: 0 })).outcome).toBe('taken');
  });

  it('keeps its steps when only its connection was lost: it attaches again', async () => {
    const [torn, alive] = [await register(), await register()];
    const runId = await startRun(bench, ['a']);
    await claimFirst(bench.database, runId, 'a', torn.id);
    for (let round = 0; round < 3; round++) {
      await killSession(torn.id);
      expect(await torn.pulse()).toEqual({
        outcome: 'alive',
        held: [{ runId, stepKey: 'a', epoch: 1, stop: false, paused: false }],
      });
      expect(await alive.sweep()).toEqual([]);
    }
    expect(
      await bench.test.sql(`select count(*)::int as locks from pg_locks where ${OWN_LOCKS} and objid = $1`, [torn.id]),
    ).toEqual([{ locks: 1 }]);
  });

  it('believes only the time-out about a worker of another server start', async () => {
    const [moved, alive] = [await register(), await register()];
    const runId = await startRun(bench, ['a']);
    await claimFirst(bench.database, runId, 'a', moved.id);
    await bench.test.sql("update worker set server = server - interval '1 hour' where id = $1", [moved.id]);
    await killSession(moved.id);
    await alive.sweep();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await alive.sweep()).toEqual([]);
    await bench.test.sql('update worker set alive_until = clock_timestamp() where id = $1', [moved.id]);
    expect(await sweepUntil(alive, runId)).toEqual({ runId, stepKey: 'a', epoch: 2 });
  });

  it('tells a worker declared dead so, and grants it nothing', async () => {
    const [late, alive] = [await register(), await register()];
    const runId = await startRun(bench, ['a']);
    await bench.test.sql('update worker set alive_until = clock_timestamp() where id = $1', [late.id]);
    await alive.sweep();
    expect(await late.pulse()).toEqual({ outcome: 'dead' });
    expect(
      (await bench.database.journal.claim({ runId, stepKey: 'a', epoch: 0, worker: late.id, seen: 0 })).outcome,
    ).toBe('dead');
  });

  it('frees a claim that was granted while its worker was declared dead', async () => {
    const [late, alive] = [await register(), await register()];
    const runId = await startRun(bench, ['a']);
    await claimFirst(bench.database, runId, 'a', late.id);
    await bench.test.sql('update worker set dead_at = clock_timestamp() where id = $1', [late.id]); // as by a sweep that did not yet see the claim
    expect(await sweepUntil(alive, runId)).toEqual({ runId, stepKey: 'a', epoch: 2 });
  });

  it('rings again at once for what was rung when a worker died: it may have had the bell in its hands', async () => {
    const [dead, alive] = [await register(), await register()];
    const runId = await startRun(bench, ['a']);
    expect(await sweepUntil(dead, runId)).toEqual({ runId, stepKey: 'a', epoch: 0 });
    expect(await alive.sweep()).toEqual([]);
    await bench.test.sql('update worker set alive_until = clock_timestamp() where id = $1', [dead.id]);
    expect(await alive.sweep()).toEqual([{ runId, stepKey: 'a', epoch: 0 }]);
  });

  it('rings for what is due and was not claimed, and not again at once', async () => {
    const worker = await register();
    const runId = await startRun(bench, ['a']);
    await bench.test.sql("update step set due_at = due_at + interval '1 hour' where run_id = $1", [runId]);
    expect(await worker.sweep()).toEqual([]);
    await bench.test.sql("update step set due_at = due_at - interval '1 hour' where run_id = $1", [runId]);
    expect(await sweepUntil(worker, runId)).toEqual({ runId, stepKey: 'a', epoch: 0 });
    expect(await worker.sweep()).toEqual([]);
    await bench.test.sql("update step set rung_at = rung_at - interval '31 s' where run_id = $1", [runId]);
    expect(await worker.sweep()).toEqual([{ runId, stepKey: 'a', epoch: 0 }]);
  });

  it('does not bury itself, though its own session gets its own lock', async () => {
    const worker = await register();
    for (let look = 0; look < 3; look++) {
      await worker.sweep();
      await new Promise((resolve) => setTimeout(resolve, 260));
    }
    expect((await worker.pulse()).outcome).toBe('alive');
  });

  it('sweeps one at a time', async () => {
    const worker = await register();
    const runId = await startRun(bench, ['a']);
    await bench.test.sql("update step set due_at = due_at - interval '1 s' where run_id = $1", [runId]);
    const sweeping = new pg.Client({ connectionString: bench.test.url });
    await sweeping.connect();
    await sweeping.query('select pg_advisory_lock(21337, 0)');
    expect(await worker.sweep()).toEqual([]);
    await sweeping.end();
    expect(await sweepUntil(worker, runId)).toMatchObject({ stepKey: 'a' });
  });

  it('gives steps back without counting a crash, one or all, and says that they are due', async () => {
    const heard: StepHint[] = [];
    const subscription = bench.database.onDue((hints) => heard.push(...hints));
    const [leaving, staying] = [await register(), await register()];
    const runId = await startRun(bench, ['a', 'b']);
    await claimFirst(bench.database, runId, 'a', leaving.id);
    await claimFirst(bench.database, runId, 'b', leaving.id);
    await leaving.release({ runId, stepKey: 'a', epoch: 1 });
    expect(
      await bench.database.journal.claim({ runId, stepKey: 'a', epoch: 2, worker: staying.id, seen: 0 }),
    ).toMatchObject({ outcome: 'claimed', crashes: 0 });
    await leaving.close();
    expect(
      await bench.database.journal.claim({ runId, stepKey: 'b', epoch: 2, worker: staying.id, seen: 0 }),
    ).toMatchObject({ outcome: 'claimed', crashes: 0 });
    await eventually('both hints', () =>
      heard.some((hint) => hint.stepKey === 'a') && heard.some((hint) => hint.stepKey === 'b') ? true : null,
    );
    subscription.close();
  });
});
