import type { Catalog, Database } from '@switchyard/journal';
import type { Client, Pool } from 'pg';
import { createBell, parseDue } from '../../packages/journal/src/bell.ts';
import type { Connector } from '../../packages/journal/src/connection.ts';
import { createControl } from '../../packages/journal/src/control.ts';
import { createFollower } from '../../packages/journal/src/follower.ts';
import { createJournal } from '../../packages/journal/src/journal.ts';
import { createListener } from '../../packages/journal/src/listener.ts';
import { createSender } from '../../packages/journal/src/send.ts';
import type { System } from '../../packages/journal/src/system.ts';
import { registerWorker } from '../../packages/journal/src/worker-session.ts';
import type { Tables } from './memory-journal-rows.ts';
import { disconnect, execute, type Query, type Session } from './memory-server.ts';
import type { Process } from './process.ts';
import type { Timeline } from './timeline.ts';

/*
 * The product's own journal client (client, bells, follower, worker session) whose connections lead to a database in memory,
 * over a network that loses, delays and tears.
 */

/**
 * What happens to one statement on its way. `refused`: it never arrives. `torn`: it is carried out and its answer is lost. `late`: the
 * connection is lost, and it is carried out after all when it arrives: after `thereMs`, whatever has happened since.
 */
export type Fate = {
  readonly thereMs: number;
  readonly backMs: number;
  readonly end: 'answered' | 'refused' | 'torn' | 'late';
};

type Hear = (channel: string, payload: string) => void;

/** What connections lead to. */
export type Server<From> = {
  readonly tables: Tables;
  readonly send: (from: From, query: Query, session: Session) => Promise<{ rows: readonly object[] }>;
  /** Hears notifications from now on; the answer ends that. */
  readonly listen: (from: From, hear: Hear) => () => void;
  /** Calls when all connections end; the answer ends that. Absent: it never happens. */
  readonly onRestart?: (cut: () => void) => () => void;
};

/** What the client needs of the process it lives in. */
export type ClientProcess = { readonly system: System; readonly onCrash: (() => void)[] };

/** The network, and those who look at what passes. */
export type Wire = {
  /** Decides about one statement of one process. */
  fate: (process: Process, query: Query) => Fate;
  /** Whether one listener does not hear one bell: what bells say is found out otherwise, a little later. */
  readonly losesBell: () => boolean;
  /** Stands around the execution of each statement. */
  around: ((query: Query, run: () => readonly object[]) => readonly object[]) | null;
};

/** A database in memory, as a server: it lives on when clients die. */
export class MemoryServer implements Server<Process> {
  readonly timeline: Timeline;
  readonly wire: Wire;
  tables: Tables;
  readonly #listening = new Set<Hear>();
  readonly #connections = new Set<() => void>();

  constructor(timeline: Timeline, tables: Tables, wire: Wire) {
    this.timeline = timeline;
    this.tables = tables;
    this.wire = wire;
  }

  /** Sends a statement for a process and brings the answer back. */
  send(process: Process, query: Query, session: Session): Promise<{ rows: readonly object[] }> {
    const fate = this.wire.fate(process, query);
    return new Promise((resolve, reject) => {
      const back = (answer: () => void): void => void process.enter(fate.backMs, answer);
      const torn = (): void => back(() => reject(tornConnection()));
      if (fate.end === 'late') {
        torn();
        this.timeline.after(fate.thereMs, () => this.#carryOutLate(query, session));
        return;
      }
      this.timeline.after(fate.thereMs, () => {
        if (session.closed || fate.end === 'refused') return torn();
        try {
          const rows = this.#carryOut(query, session);
          if (fate.end === 'torn') torn();
          else back(() => resolve({ rows }));
        } catch (error) {
          back(() => reject(error));
        }
      });
    });
  }

  #carryOutLate(query: Query, session: Session): void {
    try {
      this.#carryOut(query, session);
    } catch {
      // there is nobody to be told
    }
  }

  #carryOut(query: Query, session: Session): readonly object[] {
    if (query.name === NOTIFY) {
      for (const hear of this.#listening)
        if (!this.wire.losesBell()) hear(String(query.values[0]), String(query.values[1]));
      return [];
    }
    const run = (): readonly object[] => execute(this.tables, query, session);
    return this.wire.around === null ? run() : this.wire.around(query, run);
  }

  /** It is killed and starts again: all connections end, and every lock is another's to take. */
  restart(): void {
    this.tables.server += 1;
    for (const cut of [...this.#connections]) cut();
  }

  /** Tells a connection when the server goes away. */
  onRestart(cut: () => void): () => void {
    this.#connections.add(cut);
    return () => this.#connections.delete(cut);
  }

  listen(process: Process, hear: Hear): () => void {
    const mine: Hear = (channel, payload) => void process.enter(0.2, () => hear(channel, payload));
    this.#listening.add(mine);
    return () => this.#listening.delete(mine);
  }
}

/** The statement by which the client rings. */
export const NOTIFY = 'select pg_notify($1, $2)';

function tornConnection(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
}

type Asked = string | { readonly name?: string; readonly text: string; readonly values?: readonly unknown[] };

const queryOf = (asked: Asked, values: readonly unknown[] = []): Query =>
  typeof asked === 'string'
    ? { name: asked, values }
    : { name: asked.name ?? asked.text, values: asked.values ?? values };

/** One connection of a process. */
function openClient<From extends ClientProcess>(server: Server<From>, process: From) {
  const session: Session = { worker: null, closed: false };
  const undo: (() => void)[] = [];
  const ended: (() => void)[] = [];
  const close = (): void => {
    if (session.closed) return;
    disconnect(server.tables, session);
    for (const end of undo) end();
  };
  process.onCrash.push(close);
  const cut = (): void => {
    close();
    process.system.after(1, () => {
      for (const tell of ended) tell();
    });
  };
  undo.push(server.onRestart?.(cut) ?? (() => {}));
  const client = {
    query: (asked: Asked, values?: readonly unknown[]) => server.send(process, queryOf(asked, values), session),
    on: (event: string, listener: (message: { channel: string; payload: string }) => void) => {
      if (event === 'notification')
        undo.push(server.listen(process, (channel, payload) => listener({ channel, payload })));
      if (event === 'end') ended.push(() => listener({ channel: '', payload: '' }));
      return client;
    },
    end: async () => close(),
  };
  return client;
}

/** A pool makes a new connection where one is gone; what was on its way there is lost with it. */
function openPool<From extends ClientProcess>(server: Server<From>, process: From) {
  let client = openClient(server, process);
  server.onRestart?.(() => {
    client = openClient(server, process);
  });
  return { query: (asked: Asked, values?: readonly unknown[]) => client.query(asked, values) };
}

/** Connections of one process to the server. The edge: node-postgres has far more than the client here uses. */
function connectorOf<From extends ClientProcess>(server: Server<From>, process: From): Connector {
  const pool = openPool(server, process);
  return {
    pool: () => pool as unknown as Pool,
    client: async () => openClient(server, process) as unknown as Client,
    ownerPool: () => {
      throw new Error('the memory journal has no queue');
    },
  };
}

const PATIENCE_MS = 30_000;

/** The parts of a database that workers use. */
export type MemoryDatabase = Pick<
  Database,
  'journal' | 'control' | 'follower' | 'catalog' | 'registerWorker' | 'onDue' | 'close'
>;

/** Opens the database for a process, with the catalogue given. `announceDue` as of `openDatabase`. */
export function openMemoryDatabase<From extends ClientProcess>(options: {
  readonly server: Server<From>;
  readonly process: From;
  readonly catalog: Catalog;
  readonly announceDue?: boolean;
  readonly warn?: (message: string) => void;
}): MemoryDatabase {
  const { server, process, catalog, announceDue = false, warn = () => {} } = options;
  const { system } = process;
  const connector = connectorOf(server, process);
  const sender = createSender(connector.pool(1), system, PATIENCE_MS);
  const bell = createBell({ connector, system, announceDue });
  const listener = createListener(connector, system);
  const follower = createFollower({ sender, listener, system });
  return {
    journal: createJournal({ sender, bell }),
    control: createControl({ sender, bell }),
    follower,
    catalog,
    registerWorker: ({ build }) => registerWorker({ connector, system, bell, build, warn }),
    onDue: (tell) => listener.subscribe({ due: (payload) => tell(parseDue(payload)) }),
    close: async () => {
      follower.close();
      await bell.close();
      await listener.close();
    },
  };
}
