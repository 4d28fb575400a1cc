import type { JournalUnderTest } from '../../../test/contract/journal/case.ts';
import { journalContract } from '../../../test/contract/journal/suite.ts';
import { openJournalBench, type Startable } from '../../../test/harness/journal.ts';
import type { WorkerSession } from './contract.ts';

/** Columns that hold moments something is measured from. */
const MOMENTS: readonly (readonly [table: string, columns: readonly string[]])[] = [
  ['step', ['due_at', 'rung_at', 'parked_at']],
  ['limiter_use', ['at']],
];

async function openPostgres(): Promise<JournalUnderTest & { readonly close: () => Promise<void> }> {
  const bench = await openJournalBench();
  const { database, test, pipeline, revision } = bench;
  const workers: WorkerSession[] = [];
  const anotherPipeline = async (): Promise<Startable> => {
    const made = await database.catalog.pipelines.create({ name: 'another' });
    const published = await database.catalog.pipelines.publish({ id: made.id, ifVersion: made.version });
    if (published === null || 'conflict' in published) throw new Error('not published');
    return { pipeline: made, revision: published.revision };
  };
  return {
    journal: database.journal,
    control: database.control,
    pipeline,
    revision,
    anotherPipeline,
    registerWorker: async () => {
      const worker = await database.registerWorker({ build: 'contract' });
      workers.push(worker);
      return worker;
    },
    kill: async ({ id }) => void (await test.sql('update worker set dead_at = clock_timestamp() where id = $1', [id])),
    passTime: async (ms) => {
      for (const [table, columns] of MOMENTS)
        await test.sql(
          `update ${table} set ${columns.map((column) => `${column} = ${column} - $1 * interval '1 ms'`).join(', ')}`,
          [ms],
        );
    },
    close: async () => {
      for (const worker of workers) await worker.close();
      await bench.close();
    },
  };
}

journalContract('the journal on Postgres', openPostgres);
