import pg from 'pg';
import { classify, isConnectionLost, JournalError, sqlState } from './errors.ts';
import type { System } from './system.ts';

const APP_ROLE = 'switchyard_app';
const STATEMENT_MS = 10_000;
/** A half-open socket must end: the client gives up a little after the server would have. */
const QUERY_MS = STATEMENT_MS + 2_000;

const TIMESTAMPTZ = 1184;
const INT8 = 20;
/** Parses once, to what the contracts say: times as ISO 8601 in UTC, counts as numbers. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') => {
    if (oid === TIMESTAMPTZ) return (text: string) => new Date(text).toISOString();
    if (oid === INT8) return Number;
    return format === 'binary' ? pg.types.getTypeParser(oid, 'binary') : pg.types.getTypeParser(oid, 'text');
  },
};

/** Makes connections of one kind to one database, as the app role where there is one. */
export type Connector = {
  readonly pool: (max: number) => pg.Pool;
  /** A connection of its own. `settings` are server settings such as `synchronous_commit=off`. Already connected. */
  readonly client: (settings?: readonly string[]) => Promise<pg.Client>;
  /** With the rights of the login itself, for the queue's own schema. */
  readonly ownerPool: (settings: readonly string[]) => pg.Pool;
};

/** Splits `options` off an address: node-postgres would let them win over ours. */
function splitOptions(address: string): { readonly url: string; readonly options: string } {
  const url = new URL(address);
  const options = url.searchParams.get('options') ?? '';
  url.searchParams.delete('options');
  return { url: url.href, options };
}

const withSettings = (options: string, settings: readonly string[]): string =>
  [options, ...settings.map((setting) => `-c ${setting}`)].filter((part) => part !== '').join(' ');

/** Lets a connection error end in the query that meets it: without a listener it would end the process. */
const quiet = (): void => {};

function configOf(address: string, applicationName: string, settings: readonly string[]): pg.ClientConfig {
  const { url, options } = splitOptions(address);
  const all = withSettings(options, settings);
  return {
    connectionString: url,
    application_name: applicationName,
    ...(all === '' ? {} : { options: all }),
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    connectionTimeoutMillis: 10_000,
    statement_timeout: STATEMENT_MS,
    query_timeout: QUERY_MS,
    idle_in_transaction_session_timeout: 30_000,
    types,
  };
}

async function connect(config: pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client(config);
  client.on('error', quiet);
  try {
    await client.connect();
  } catch (error) {
    client.end().catch(quiet);
    throw error;
  }
  return client;
}

/** No such role; not a member of it; a pooler that takes no start-up options. */
const NO_ROLE: ReadonlySet<string | null> = new Set(['22023', '42501', '08P01']);

/** True when the login may work as the app role and the role has its grants in this database. */
async function canUseAppRole(config: pg.ClientConfig): Promise<boolean> {
  let client: pg.Client;
  try {
    client = await connect(config);
  } catch (error) {
    if (NO_ROLE.has(sqlState(error))) return false;
    throw error;
  }
  try {
    // without the table the answer is null: the catalogue has no row to test
    const { rows } = await client.query<{ granted: boolean | null }>(
      "select has_table_privilege(to_regclass('event'), 'select') as granted",
    );
    const [row] = rows;
    if (row?.granted === null) {
      throw new JournalError('not_migrated', 'the database has no tables of Switchyard', {
        hint: 'run `switchyard migrate` first',
      });
    }
    return row?.granted === true;
  } finally {
    await client.end().catch(quiet);
  }
}

/**
 * Finds out, with one connection, whether the product can work as the app role; waits up to `patienceMs` for a server that
 * is starting. Throws `database_unavailable` after that, `not_migrated` at once.
 */
export async function openConnector(options: {
  readonly url: string;
  readonly applicationName: string;
  readonly system: System;
  readonly warn: (message: string) => void;
  readonly patienceMs: number;
}): Promise<Connector> {
  const { url, applicationName, system, warn } = options;
  const asApp = [`role=${APP_ROLE}`];
  const until = system.elapsed() + options.patienceMs;
  let role: readonly string[] = [];
  for (;;) {
    try {
      role = (await canUseAppRole(configOf(url, applicationName, asApp))) ? asApp : [];
      break;
    } catch (error) {
      const starting = isConnectionLost(error) || sqlState(error) === '57P03' || sqlState(error) === '53300';
      if (!starting || system.elapsed() > until) throw classify(error);
      await system.sleep(100);
    }
  }
  if (role.length === 0)
    warn(
      `working with the rights of the login: it may not act as ${APP_ROLE}, so the journal is guarded by its trigger alone`,
    );
  const poolOf = (config: pg.PoolConfig): pg.Pool => {
    const pool = new pg.Pool(config);
    pool.on('error', quiet);
    // while a client is lent out the pool does not listen: a server that ends it then would end this process
    pool.on('connect', (client) => client.on('error', quiet));
    return pool;
  };
  return {
    pool: (max) => poolOf({ ...configOf(url, applicationName, role), max }),
    client: (settings = []) => connect(configOf(url, applicationName, [...role, ...settings])),
    ownerPool: (settings) => {
      // the queue brings its own statements and parsers; only the address, the name and keep-alive are ours
      const {
        connectionString,
        application_name,
        options: own,
        keepAlive,
      } = configOf(url, `${applicationName} queue`, settings);
      return poolOf({ connectionString, application_name, options: own, keepAlive, max: 5 });
    },
  };
}
