#!/usr/bin/env node
/*
 * Stands in for Prisma's schema-engine binary (development and the drift gate only): the CLI speaks JSON-RPC over stdin and
 * stdout with it, and the WASM build of the same engine answers. So no binary is downloaded. Not on Windows (shebang).
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import pg from 'pg';

const require = createRequire(import.meta.url);

/** What the CLI asks for on the command line: schema files, the datasource, or one of the two `cli` commands. */
function parseArguments(argv) {
  const datamodels = [];
  let url = 'postgresql://localhost:1/none';
  let command = null;
  for (let i = 0; i < argv.length; i++) {
    if (argv[i] === '--datamodels') datamodels.push([argv[++i], readFileSync(argv[i], 'utf8')]);
    else if (argv[i] === '--datasource') url = JSON.parse(argv[++i]).url ?? url;
    else if (argv[i] === 'cli') command = argv[++i];
  }
  return { datamodels, url: new URL(url), command };
}

/** The adapter wants host and database apart: given a connection string it would ignore the shadow database's name. */
function connectionOf(url) {
  return {
    host: decodeURIComponent(url.hostname),
    port: Number(url.port || 5432),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
  };
}

const CHAR_OID = 18; // the catalogue's one-byte "char", for which the adapter has no entry
const TEXT_OID = 25;
/** Columns of type "char" by the column list of their result, learned as results arrive. */
const charColumns = new Map();

/** Lets the adapter read "char" as text and remembers which columns these were. */
function readCharAsText() {
  const addFields = pg.Result.prototype.addFields;
  pg.Result.prototype.addFields = function (fields) {
    const columns = fields.flatMap((field, index) => (field.dataTypeID === CHAR_OID ? [index] : []));
    if (columns.length > 0) charColumns.set(fields.map((field) => field.name).join(), columns);
    for (const index of columns) fields[index].dataTypeID = TEXT_OID;
    return addFields.call(this, fields);
  };
}

/**
 * Marks those columns as Character again (the engine panics on Text there), and sends a script whole, as the real engine does:
 * the adapter would cut it at every semicolon, also in comments and function bodies.
 */
function correct(queryable) {
  queryable.executeScript = async (script) => {
    await queryable.executeRaw({ sql: script, args: [], argTypes: [] });
  };
  const queryRaw = queryable.queryRaw.bind(queryable);
  queryable.queryRaw = async (query) => {
    const result = await queryRaw(query);
    for (const index of charColumns.get(result.columnNames.join()) ?? [])
      result.columnTypes[index] = ColumnTypeEnum.Character;
    return result;
  };
  if (queryable.startTransaction) {
    const start = queryable.startTransaction.bind(queryable);
    queryable.startTransaction = async (level) => correct(await start(level));
  }
  return queryable;
}

/** The adapter with both corrections, and a shadow database that is closed before it is dropped. */
class SchemaAdapter extends PrismaPg {
  constructor(connection, schema) {
    super(connection, { schema });
    this.connection = connection;
    this.schema = schema;
  }

  async connect() {
    return correct(await super.connect());
  }

  async connectToShadowDb() {
    const own = await this.connect();
    const database = `prisma_migrate_shadow_db_${randomUUID()}`;
    await own.executeScript(`CREATE DATABASE "${database}"`);
    const shadow = await new SchemaAdapter({ ...this.connection, database }, this.schema).connect();
    const disconnect = shadow.dispose.bind(shadow);
    shadow.dispose = async () => {
      await disconnect();
      await own.executeScript(`DROP DATABASE "${database}" WITH (FORCE)`);
      await own.dispose();
    };
    return shadow;
  }
}

async function loadEngine() {
  const path = require.resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const bindings = await import(path);
  const { instance } = await WebAssembly.instantiate(readFileSync(path.replace(/\.js$/, '.wasm')), {
    './schema_engine_bg.js': bindings,
  });
  bindings.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  return bindings.SchemaEngine;
}

/** `create-database` and `can-connect-to-database`: exit status and one log line in the engine's form. */
async function runCommand(command, url) {
  const target = new URL(url);
  if (command === 'create-database') target.pathname = '/postgres';
  const client = new pg.Client({ connectionString: target.href });
  try {
    await client.connect();
    if (command === 'create-database')
      await client.query(`CREATE DATABASE ${client.escapeIdentifier(decodeURIComponent(url.pathname.slice(1)))}`);
    await client.end();
    return 0;
  } catch (error) {
    const fields = {
      message: String(error.message),
      is_panic: false,
      error_code: error.code === '3D000' ? 'P1003' : 'P1001',
    };
    process.stderr.write(
      `${JSON.stringify({ timestamp: new Date().toISOString(), level: 'ERROR', fields, target: 'schema_engine::logger' })}\n`,
    );
    return 1;
  }
}

const write = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);

async function answer(engine, { id, method, params }) {
  try {
    const name = method === 'getDatabaseVersion' ? 'version' : method;
    if (typeof engine[name] !== 'function') throw new Error(`the schema engine has no method ${name}`);
    const result = await engine[name](params);
    if (method === 'diff' && result?.stdout) write({ id: 1e6, method: 'print', params: { content: result.stdout } });
    write({ id, result: result ?? null });
  } catch (error) {
    const message = String(error.message ?? error);
    write({
      id,
      error: {
        code: 4466,
        message,
        data: { is_panic: false, message, meta: error.meta ?? null, error_code: error.code ?? null },
      },
    });
  }
}

const { datamodels, url, command } = parseArguments(process.argv.slice(2));
const schema = url.searchParams.get('schema') ?? 'public';
url.searchParams.delete('schema');
if (command !== null) process.exit(await runCommand(command, url));

readCharAsText();
const SchemaEngine = await loadEngine();
const adapter = bindMigrationAwareSqlAdapterFactory(new SchemaAdapter(connectionOf(url), schema));
const engine = await SchemaEngine.new(
  { datamodels: datamodels.length > 0 ? datamodels : undefined },
  () => {},
  adapter,
);
for await (const line of createInterface({ input: process.stdin })) {
  const message = line.trim() === '' ? {} : JSON.parse(line);
  if (message.method) await answer(engine, message);
}
process.exit(0);
