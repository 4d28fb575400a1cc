import { type Catalog, uuidV7, type WorkerSession } from '@switchyard/journal';
import type { System } from '../../packages/journal/src/system.ts';
import type { JournalUnderTest } from '../contract/journal/case.ts';
import { journalContract } from '../contract/journal/suite.ts';
import type { Startable } from '../harness/journal.ts';
import { type ClientProcess, NOTIFY, openMemoryDatabase, type Server } from './memory-database.ts';
import { Tables } from './memory-journal-rows.ts';
import { retireWorker } from './memory-journal-workers.ts';
import { execute } from './memory-server.ts';
import { EPOCH } from './process.ts';

/*
 * The journal in memory does what the one on Postgres does: the same cases hold, through the same client. Its clock stands still
 * but for a hundredth of a millisecond with each statement.
 */

const TICK_MS = 0.01;

function openInMemory(): JournalUnderTest & { readonly close: () => Promise<void> } {
  let now = EPOCH;
  const tables = new Tables(() => now);
  const idle = { stop: () => {} };
  const system: System = {
    elapsed: () => now,
    sleep: async (ms) => {
      now += ms;
    },
    every: () => idle,
    after: () => idle,
  };
  const process: ClientProcess = { system, onCrash: [] };
  const server: Server<ClientProcess> = {
    tables,
    send: async (_from, query, session) => {
      now += TICK_MS;
      return { rows: query.name === NOTIFY ? [] : execute(tables, query, session) };
    },
    listen: () => () => {},
  };
  const { journal, control, registerWorker, close } = openMemoryDatabase({
    server,
    process,
    catalog: {} as Catalog, // the contract asks nothing of it
  });
  const workers: WorkerSession[] = [];
  let made = 0;
  const publish = (): Startable => {
    const [id, revision] = [uuidV7(EPOCH + ++made), uuidV7(EPOCH + ++made)];
    tables.pipelines.set(id, { publishedRevisionId: revision, listensError: false });
    return { pipeline: { id }, revision: { id: revision, number: 1, hash: `hash ${made}` } };
  };
  return {
    ...publish(),
    journal,
    control,
    anotherPipeline: async () => publish(),
    registerWorker: async () => {
      const worker = await registerWorker({ build: 'contract' });
      workers.push(worker);
      return worker;
    },
    kill: async ({ id }) => retireWorker(tables, id),
    passTime: async (ms) => {
      now += ms;
    },
    close: async () => {
      for (const worker of workers) await worker.close();
      await close();
    },
  };
}

journalContract('the journal in memory', async () => openInMemory());
