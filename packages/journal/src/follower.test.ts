import type { JournalEvent } from '@switchyard/pipeline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../test/harness/database.ts';
import {
  appendOf,
  claimFirst,
  type JournalBench,
  note,
  openJournalBench,
  startRun,
} from '../../../test/harness/journal.ts';

let bench: JournalBench;

beforeAll(async () => {
  bench = await openJournalBench();
});
afterAll(() => bench.close());

/** Ends every connection of the product to this database but the worker sessions. */
const killConnections = () =>
  bench.test.sql(
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'test' and pid not in (select pid from pg_locks where classid = 21337)",
  );

describe('follow', () => {
  it('tells every event once, in order, under concurrent writers and killed connections', async () => {
    const lanes = ['a', 'b', 'c', 'd'];
    const each = 50;
    const other = await bench.openAnother();
    const worker = await bench.database.registerWorker({ build: 'test' });
    const runId = await startRun(bench, lanes);
    const told: JournalEvent[] = [];
    const subscription = other.follower.follow(runId, 0, (events) => told.push(...events));
    let writing = true;
    const killer = (async () => {
      while (writing) {
        await killConnections();
        await new Promise((resolve) => setTimeout(resolve, 60));
      }
    })();
    await Promise.all(
      lanes.map(async (stepKey, index) => {
        const { journal } = index % 2 === 0 ? bench.database : other;
        const me = await claimFirst(bench.database, runId, stepKey, worker.id);
        for (let n = 0; n < each; n++) {
          const answer = await journal.append(appendOf(runId, { ...me, n }, [note(stepKey, `${n}`)]));
          expect(['done', 'already']).toContain(answer.outcome);
        }
      }),
    );
    writing = false;
    await killer;
    const total = 1 + lanes.length * (1 + each);
    await eventually('all events', () => (told.length >= total ? true : null));
    expect(told.map((event) => event.seq)).toEqual(Array.from({ length: total }, (_, index) => index + 1));
    expect(told).toEqual(await bench.database.journal.events(runId, { after: 0 }));
    subscription.close();
    await worker.close();
  });

  it('begins after the seq it is given and ends when closed', async () => {
    const worker = await bench.database.registerWorker({ build: 'test' });
    const runId = await startRun(bench, ['a']);
    const me = await claimFirst(bench.database, runId, 'a', worker.id);
    const first: number[] = [];
    const second: number[] = [];
    const closed = bench.database.follower.follow(runId, 0, (events) =>
      first.push(...events.map((event) => event.seq)),
    );
    await eventually('two events', () => (first.length === 2 ? true : null));
    closed.close();
    const subscription = bench.database.follower.follow(runId, 2, (events) =>
      second.push(...events.map((event) => event.seq)),
    );
    await bench.database.journal.append(appendOf(runId, me, [note('a'), note('a')]));
    await eventually('two more', () => (second.length === 2 ? true : null));
    expect([first, second]).toEqual([
      [1, 2],
      [3, 4],
    ]);
    subscription.close();
    await worker.close();
  });

  it('hears of events though every bell is lost: it asks each second', async () => {
    const runId = await startRun(bench, ['a']);
    const seen: number[] = [];
    const subscription = bench.database.follower.follow(runId, 1, (events) =>
      seen.push(...events.map((event) => event.seq)),
    );
    await bench.test.sql('select * from request_cancel($1, $2, $3)', [runId, 'nobody rings', null]);
    await eventually('the cancel', () => (seen.length === 3 ? true : null));
    expect(seen).toEqual([2, 3, 4]);
    subscription.close();
  });
});

describe('watch', () => {
  it('tells of runs that moved, by bell and without one', async () => {
    const seqs = new Map<string, number>();
    const subscription = bench.database.follower.watch((runId, seq) => seqs.set(runId, seq));
    const heard = await startRun(bench, ['a']);
    await eventually('a bell', () => (seqs.get(heard) === 1 ? true : null));
    await bench.test.sql('select * from request_cancel($1, $2, $3)', [heard, 'nobody rings', null]);
    await eventually('the end of the run', () => (seqs.get(heard) === 4 ? true : null));
    subscription.close();
  });
});
