import type { Client, QueryResultRow } from 'pg';
import type { Bell } from './bell.ts';
import type { Connector } from './connection.ts';
import type { HeldStep, StepHint, WorkerSession } from './contract.ts';
import { cancelRun } from './control.ts';
import { classify, isConnectionLost, mayRepeat } from './errors.ts';
import type { Statement } from './send.ts';
import type { System } from './system.ts';

/*
 * A worker's session: one connection that holds the advisory lock (21337, worker id) as long as the process lives, and on
 * which it pulses and sweeps. States: registered (lock held) → lost (reconnect, take the lock, attach) → registered | dead.
 * Nothing here is flushed: a renewal or a take-over lost with the server is simply made again.
 */

const REGISTER: Statement = { name: 'register_worker', text: 'select register_worker($1, true) as id' };
const ATTACH: Statement = { name: 'attach_worker', text: 'select attach_worker($1, $2) as alive' };
const PULSE: Statement = {
  name: 'pulse',
  text: 'select run_id as "runId", step_key as "stepKey", epoch, stop, paused from pulse($1)',
};
const SWEEP: Statement = {
  name: 'sweep',
  text: 'select run_id as "runId", step_key as "stepKey", epoch from sweep($1)',
};
const RELEASE: Statement = {
  name: 'release_steps',
  text: 'select run_id as "runId", step_key as "stepKey", epoch from release_steps($1, $2, $3, $4)',
};
const RETIRE: Statement = { name: 'retire_worker', text: 'select retire_worker($1)' };
const HOLDS: Statement = {
  name: 'holds_lock',
  text: `select pg_backend_pid() as pid, exists (select from pg_locks where locktype = 'advisory' and classid = 21337 and objid::bigint = $1 and objsubid = 2
           and pid = pg_backend_pid() and granted and database = (select oid from pg_database where datname = current_database())) as held`,
};

/** A call gives up after this; the worker decides what its silence means (it stops its effects after 8 s). */
const PATIENCE_MS = 4_000;
const AGAIN_MS = 50;

type Row<R extends QueryResultRow> = Promise<readonly R[]>;
/** The session's connection. `ask` sends on it and reconnects while it is lost. */
type Line = {
  readonly ask: <R extends QueryResultRow>(statement: Statement, values: readonly unknown[]) => Row<R>;
  /** Called on each new connection before anything else is asked there. */
  onConnect: ((client: Client) => Promise<void>) | null;
  readonly close: () => Promise<void>;
};

const query = async <R extends QueryResultRow>(
  client: Client,
  statement: Statement,
  values: readonly unknown[],
): Row<R> => (await client.query<R>({ ...statement, values: [...values] })).rows;

function createLine(connector: Connector, system: System): Line {
  let client: Client | null = null;
  let connecting: Promise<Client> | null = null;
  const drop = (which: Client | null): void => {
    if (which === null || client !== which) return;
    client = null;
    which.end().catch(() => {});
  };
  const connect = async (): Promise<Client> => {
    const fresh = await connector.client(['synchronous_commit=off']);
    fresh.on('end', () => drop(fresh));
    try {
      await line.onConnect?.(fresh);
    } catch (error) {
      fresh.end().catch(() => {});
      throw error;
    }
    client = fresh;
    return fresh;
  };
  const connected = (): Promise<Client> => {
    if (client !== null) return Promise.resolve(client);
    connecting ??= connect().finally(() => {
      connecting = null;
    });
    return connecting;
  };
  const line: Line = {
    onConnect: null,
    ask: async (statement, values) => {
      const until = system.elapsed() + PATIENCE_MS;
      for (;;) {
        let used: Client | null = null;
        try {
          used = await connected();
          return await query(used, statement, values);
        } catch (error) {
          if (isConnectionLost(error)) drop(used);
          if (!mayRepeat(error) || system.elapsed() > until) throw classify(error);
          await system.sleep(AGAIN_MS);
        }
      }
    },
    close: async () => {
      const last = client;
      client = null;
      await last?.end().catch(() => {});
    },
  };
  return line;
}

/** Does this session keep its lock from one transaction to the next? Behind a transaction pooler it does not. */
async function keepsLock(client: Client, id: number): Promise<boolean> {
  const [first] = await query<{ pid: number; held: boolean }>(client, HOLDS, [id]);
  const [second] = await query<{ pid: number; held: boolean }>(client, HOLDS, [id]);
  return first?.held === true && second?.held === true && first.pid === second.pid;
}

/** Raised inside `onConnect`: Postgres says that this worker was declared dead. */
class DeclaredDead extends Error {}

/**
 * Registers a worker. Guarantee: while `pulse` answers `alive`, no other worker holds this id and what it holds is its own.
 * Duty: pulse each second; after `dead` drop everything and register anew.
 */
export async function registerWorker(options: {
  readonly connector: Connector;
  readonly system: System;
  readonly bell: Bell;
  readonly build: string;
  readonly warn: (message: string) => void;
}): Promise<WorkerSession> {
  const { connector, system, bell, build, warn } = options;
  const line = createLine(connector, system);
  let id = 0;
  let locks = true;
  line.onConnect = async (client) => {
    if (id !== 0) {
      const [row] = await query<{ alive: boolean }>(client, ATTACH, [id, locks]);
      if (row?.alive !== true) throw new DeclaredDead();
      return;
    }
    const [row] = await query<{ id: number }>(client, REGISTER, [build]);
    id = row?.id ?? 0;
    locks = await keepsLock(client, id);
    if (locks) return;
    warn(
      'a pooler stands between this worker and Postgres: its death is seen after 10 s instead of half a second; give workers a direct address',
    );
    await query(client, ATTACH, [id, false]);
  };
  await line.ask({ name: 'hello', text: 'select' }, []);
  return sessionOf({ id, line, bell });
}

/** Without a step: a run whose parent was cancelled, and nobody told it. */
type SweptRow = { readonly runId: string; readonly stepKey: string | null; readonly epoch: number };

function sessionOf({
  id,
  line,
  bell,
}: {
  readonly id: number;
  readonly line: Line;
  readonly bell: Bell;
}): WorkerSession {
  const release = async (values: readonly unknown[]): Promise<void> =>
    bell.handOver(await line.ask<StepHint>(RELEASE, [id, ...values]));
  return {
    id,
    pulse: async () => {
      try {
        const rows = await line.ask<Omit<HeldStep, 'runId'> & { readonly runId: string | null }>(PULSE, [id]);
        if (rows.length === 0) return { outcome: 'dead' };
        const held = rows.flatMap(({ runId, ...step }) => (runId === null ? [] : [{ runId, ...step }]));
        return { outcome: 'alive', held };
      } catch (error) {
        if (error instanceof DeclaredDead) return { outcome: 'dead' };
        throw error;
      }
    },
    sweep: async () => {
      try {
        const rows = await line.ask<SweptRow>(SWEEP, [id]);
        for (const { runId, stepKey } of rows)
          if (stepKey === null) await cancelRun({ send: line.ask, bell }, { runId, by: 'parent' });
        return rows.flatMap(({ runId, stepKey, epoch }) => (stepKey === null ? [] : [{ runId, stepKey, epoch }]));
      } catch (error) {
        if (error instanceof DeclaredDead) return []; // the next pulse says so
        throw error;
      }
    },
    release: ({ runId, stepKey, epoch }) => release([runId, stepKey, epoch]),
    close: async () => {
      try {
        await release([null, null, null]);
        await line.ask(RETIRE, [id]);
      } catch {
        // unreachable, or dead already: the sweep of another worker frees what is left
      }
      await line.close();
    },
  };
}
