import { Json } from '@switchyard/pipeline';
import pg from 'pg';
import { z } from 'zod';
import type { NodeContext, NodeOutcome } from '../contract.ts';
import { RetryableError, StepError, TerminalError, WorkerLostError } from '../errors.ts';
import { toOutboundError } from '../outbound/failure.ts';
import { mayHaveHappened } from './once.ts';
import { openSecret } from './secret.ts';

const Config = z.object({
  credential: z.string(),
  query: z.string(),
  parameters: z.array(Json),
  allowWrites: z.boolean(),
  maxRows: z.number(),
  maxBytes: z.number(),
  timeoutSeconds: z.number(),
});
type Config = z.infer<typeof Config>;

const Secret = z.strictObject({ url: z.string() });
const CONNECT_MS = 10_000;
const NUMBERS = new Set([21, 23, 26, 700, 701]); // int2, int4, oid, float4, float8

/**
 * Runs one statement in a transaction of its own. The connection goes to an address the outbound rule has passed, with what the
 * credential says and nothing of this process's environment. `sql_failed`, `read_only`, `too_large`, `outcome_unknown`.
 */
export async function runPostgres(context: NodeContext): Promise<NodeOutcome> {
  const config = Config.parse(context.config);
  if (config.allowWrites && (await mayHaveHappened(context)))
    throw new WorkerLostError('outcome_unknown', 'The worker was lost while it wrote; the change may have been kept.', {
      hint: 'Look at the database, then run again. Connect the error port to decide it in the pipeline.',
    });
  const { url } = await openSecret(context, config.credential, Secret);
  const place = placeOf(url, config.credential);
  const address = await context.ports.http.resolve(place.host, place.port);
  const client = new pg.Client({
    host: address,
    port: place.port,
    user: place.user,
    password: () => place.password, // a text could be empty, and then the library looks for a file
    database: place.database,
    ssl: place.tls === 'disable' ? false : { servername: place.host, rejectUnauthorized: place.tls !== 'require' },
    connectionTimeoutMillis: CONNECT_MS,
    application_name: 'switchyard',
  });
  client.on('error', () => undefined); // each query in flight rejects with it
  const drop = () => void client.connection.stream.destroy();
  context.signal.addEventListener('abort', drop, { once: true });
  try {
    await client.connect();
    context.signal.throwIfAborted();
    return { output: await transact(client, config), ports: ['out'] };
  } catch (error) {
    throw context.signal.aborted ? error : failureOf(error, place.host);
  } finally {
    context.signal.removeEventListener('abort', drop);
    drop();
  }
}

type Place = {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly tls: 'verify-full' | 'require' | 'disable';
};
const Tls = z.enum(['verify-full', 'require', 'disable']).catch('verify-full');

/** Reads the address itself: the library's own reader takes sockets, files and options out of it. `bad_credential`. */
function placeOf(text: string, credential: string): Place {
  const url = URL.canParse(text) ? new URL(text) : null;
  const others = [...(url?.searchParams.keys() ?? [])].filter((name) => name !== 'sslmode');
  const isPostgres = url?.protocol === 'postgres:' || url?.protocol === 'postgresql:';
  if (url === null || !isPostgres || url.hostname === '' || url.username === '' || others.length > 0)
    throw new TerminalError('bad_credential', `The credential "${credential}" holds no address of a Postgres.`, {
      hint: 'It is postgres://user:password@host:port/database, with nothing behind it but ?sslmode=…',
    });
  const user = decodeURIComponent(url.username);
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 5432 : Number(url.port),
    user,
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)) || user,
    tls: Tls.parse(url.searchParams.get('sslmode')),
  };
}

async function transact(client: pg.Client, config: Config): Promise<Json> {
  await client.query(
    [
      `begin ${config.allowWrites ? 'read write' : 'read only'}`,
      `set local statement_timeout = ${Math.ceil(config.timeoutSeconds * 1_000)}`,
      "set local datestyle = 'ISO'",
      "set local timezone = 'UTC'",
    ].join('; '),
  );
  const output = await ask(client, config);
  if (config.allowWrites) await commit(client);
  return output; // what only read ends with its connection
}

async function commit(client: pg.Client): Promise<void> {
  try {
    const { command } = await client.query('commit');
    if (command === 'COMMIT') return;
  } catch (error) {
    if (error instanceof pg.DatabaseError) throw error; // a deferred constraint: nothing was kept
    throw new TerminalError('outcome_unknown', 'The connection broke while the change was committed.', {
      hint: 'Look at the database, then run again. Connect the error port to decide it in the pipeline.',
      cause: error,
    });
  }
  throw new TerminalError('sql_failed', 'The transaction was rolled back.');
}

/** Sends the statement and gathers its rows; the connection is dropped when there are too many. */
function ask(client: pg.Client, { query, parameters, maxRows, maxBytes }: Config): Promise<Json> {
  return new Promise((resolve, reject) => {
    const rows: Json[] = [];
    let bytes = 0;
    const tooLarge = (what: string) => {
      reject(
        new TerminalError('too_large', `The answer has more than ${what}.`, { hint: 'Ask for less, with limit.' }),
      );
      client.connection.stream.destroy();
    };
    client.connection.stream.on('data', (chunk: Uint8Array) => {
      bytes += chunk.length;
      if (bytes > maxBytes) tooLarge(`${maxBytes} bytes`);
    });
    const order: pg.QueryArrayConfig<unknown[]> & { readonly queryMode: 'extended' } = {
      text: query,
      values: parameters.map(bound),
      rowMode: 'array',
      queryMode: 'extended', // one statement, never several: nothing can end the transaction and go on
      types: { getTypeParser: (oid: number) => (text: string) => jsonOf(oid, text) },
    };
    const sent = new pg.Query<Json[], unknown[]>(order);
    sent.on('row', (row, result) => {
      if (rows.length === maxRows) return tooLarge(`${maxRows} rows`);
      // Not by assignment: a column may be called __proto__.
      rows.push(Object.fromEntries((result?.fields ?? []).map(({ name }, i) => [name, row[i] ?? null])));
    });
    sent.on('error', reject);
    sent.on('end', ({ rowCount }) => resolve({ rows, rowCount: rowCount ?? rows.length }));
    client.query(sent);
  });
}

const bound = (value: Json): string | number | boolean | null =>
  typeof value === 'object' && value !== null ? JSON.stringify(value) : value;

/** A column's text as JSON has it; what JSON has not, or would round, stays text. */
function jsonOf(oid: number, text: string): Json {
  if (oid === 16) return text === 't';
  if (oid === 114 || oid === 3802) return Json.parse(JSON.parse(text));
  const number = NUMBERS.has(oid) ? Number(text) : Number.NaN;
  return Number.isFinite(number) ? number : text;
}

function failureOf(error: unknown, host: string): Error {
  if (error instanceof StepError) return error;
  if (!(error instanceof pg.DatabaseError)) return connectFailure(error, host);
  const { code = '', message } = error;
  const told = { details: { sqlstate: code }, cause: error };
  if (code === '25006')
    return new TerminalError('read_only', `Postgres: ${message}.`, { ...told, hint: 'Turn on "Allow writes".' });
  if (/^(08|53|40|57P)/.test(code)) return new RetryableError('sql_failed', `Postgres: ${message}.`, told);
  return new TerminalError(code === '57014' ? 'timeout' : 'sql_failed', `Postgres: ${message}.`, told);
}

/** Nothing was committed when the connection fails before: another try is safe. */
function connectFailure(error: unknown, host: string): Error {
  const known = toOutboundError(error, new URL(`http://${host.includes(':') ? `[${host}]` : host}`));
  return known.code === 'bad_response'
    ? new RetryableError('connect_failed', `${known.message}.`, { cause: error })
    : known;
}
