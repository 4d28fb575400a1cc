import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { migrate } from '@switchyard/journal';
import pg from 'pg';

/*
 * Real Postgres for tests, cheaply: one template database, migrated once per state of prisma/migrations, and a copy of it for
 * each test file. The server is TEST_DATABASE_URL (vitest's globalSetup starts one), else DATABASE_URL; its user must be
 * allowed to create databases.
 */

const MIGRATIONS = fileURLToPath(new URL('../../prisma/migrations', import.meta.url));
/** Two test processes must not make the same template at once. */
const TEMPLATE_LOCK = 72_707_370;
const LEAK_PATIENCE_MS = 5_000;

/** A database of one test file. */
export type TestDatabase = {
  readonly url: string;
  /** One statement with the rights of the server's user, past the product's role. */
  readonly sql: <Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]) => Promise<Row[]>;
  /** Drops it. Throws when somebody is still connected: a test that leaks a connection fails. */
  readonly drop: () => Promise<void>;
};

/** Address of the test server; throws with what to do when there is none. */
export function testServer(): string {
  const url = process.env.TEST_DATABASE_URL ?? process.env.DATABASE_URL;
  if (url === undefined)
    throw new Error('tests need a Postgres: set TEST_DATABASE_URL, or run them from the repository root');
  return url;
}

/** The server's address with another database. */
function withDatabase(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}

async function onServer<Answer>(work: (admin: pg.Client) => Promise<Answer>): Promise<Answer> {
  const admin = new pg.Client({ connectionString: testServer() });
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}

/** The template's name changes with any byte of the migrations, so a stale one is never used. */
function templateName(): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(MIGRATIONS).sort()) {
    const folder = join(MIGRATIONS, name);
    if (statSync(folder).isDirectory()) hash.update(readFileSync(join(folder, 'migration.sql')));
  }
  return `switchyard_template_${hash.digest('hex').slice(0, 12)}`;
}

async function ensureTemplate(admin: pg.Client): Promise<string> {
  const name = templateName();
  await admin.query('select pg_advisory_lock($1)', [TEMPLATE_LOCK]);
  try {
    const { rowCount } = await admin.query('select from pg_database where datname = $1 and datistemplate', [name]);
    if (rowCount === 1) return name;
    await admin.query(`drop database if exists ${name} with (force)`);
    await admin.query(`create database ${name}`);
    await migrate(withDatabase(testServer(), name));
    await admin.query(`alter database ${name} is_template true`);
    return name;
  } finally {
    await admin.query('select pg_advisory_unlock($1)', [TEMPLATE_LOCK]);
  }
}

/** A new, migrated, otherwise empty database. `migrated` false: without any table. */
export async function createTestDatabase(options: { readonly migrated?: boolean } = {}): Promise<TestDatabase> {
  const name = `switchyard_test_${process.pid}_${randomBytes(4).toString('hex')}`;
  await onServer(async (admin) => {
    const template = options.migrated === false ? 'template0' : await ensureTemplate(admin);
    await admin.query(`create database ${name} template ${template}`);
  });
  const url = withDatabase(testServer(), name);
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  pool.on('error', () => {});
  return {
    url,
    sql: async <Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) =>
      (await pool.query<Row>(text, [...values])).rows,
    drop: async () => {
      await pool.end();
      const leaked = await onServer(async (admin) => {
        const names = await connectionsTo(admin, name);
        await admin.query(`drop database ${name} with (force)`);
        return names;
      });
      if (leaked.length > 0) throw new Error(`still connected after the test: ${leaked.join(', ')}`);
    },
  };
}

/** Who is still connected once backends that are just ending have had their time. */
async function connectionsTo(admin: pg.Client, database: string): Promise<string[]> {
  const until = performance.now() + LEAK_PATIENCE_MS;
  for (;;) {
    const { rows } = await admin.query<{ application_name: string }>(
      "select application_name from pg_stat_activity where datname = $1 and backend_type = 'client backend'",
      [database],
    );
    if (rows.length === 0 || performance.now() > until) return rows.map((row) => row.application_name);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Waits for a condition, never for a duration: asks again until the answer is not null. Fails after `patienceMs`. */
export async function eventually<Answer>(
  what: string,
  ask: () => Promise<Answer | null> | Answer | null,
  patienceMs = 20_000,
): Promise<Answer> {
  const until = performance.now() + patienceMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    if (performance.now() > until) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
