import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { classify, JournalError, mayRepeat } from './errors.ts';
import { realSystem, type System } from './system.ts';

/** The lock `prisma migrate` takes, so that it and this runner wait for each other. */
const MIGRATION_LOCK = 72_707_369;
const HERE = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url));
const PATIENCE_MS = 30_000;

const TABLE = `create table if not exists _prisma_migrations (
  id varchar(36) primary key, checksum varchar(64) not null, finished_at timestamptz, migration_name varchar(255) not null, logs text,
  rolled_back_at timestamptz, started_at timestamptz not null default now(), applied_steps_count integer not null default 0)`;

/** A folder of prisma/migrations; the checksum is Prisma's: sha-256 of the file. */
type Migration = { readonly name: string; readonly sql: string; readonly checksum: string };
type Applied = { readonly migration_name: string; readonly checksum: string; readonly finished_at: Date | null };

/** What `migrate` did. `appRole` false: the login may not create or use the role that only reads and calls functions. */
export type MigrateAnswer = { readonly applied: readonly string[]; readonly appRole: boolean };

function readMigrations(directory: string): readonly Migration[] {
  const names = readdirSync(directory).filter((name) => existsSync(join(directory, name, 'migration.sql')));
  return names.sort().map((name) => {
    const sql = readFileSync(join(directory, name, 'migration.sql'), 'utf8');
    return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
  });
}

/** The migrations still to apply; throws when history and build disagree. */
function pending(migrations: readonly Migration[], applied: readonly Applied[]): readonly Migration[] {
  const known = new Map(migrations.map((migration) => [migration.name, migration]));
  for (const row of applied) {
    const name = row.migration_name;
    if (row.finished_at === null) {
      throw new JournalError('migration_failed', `migration ${name} failed earlier and was never finished`, {
        hint: `look at the logs column of _prisma_migrations, repair the database, then run prisma migrate resolve for ${name}`,
      });
    }
    const migration = known.get(name);
    if (migration === undefined) {
      throw new JournalError('database_newer', `the database has migration ${name}, which this build does not know`, {
        hint: 'start the newer version of Switchyard, or restore a backup made before the upgrade',
      });
    }
    if (migration.checksum !== row.checksum) {
      throw new JournalError('migration_edited', `migration ${name} was edited after it was applied`, {
        hint: 'an applied migration never changes: put the old file back and write a new migration',
      });
    }
  }
  const done = new Set(applied.map((row) => row.migration_name));
  return migrations.filter((migration) => !done.has(migration.name));
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  await client.query('begin');
  try {
    await client.query(migration.sql);
    await client.query(
      'insert into _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count) values ($1, $2, $3, now(), clock_timestamp(), 1)',
      [randomUUID(), migration.checksum, migration.name],
    );
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => {});
    const message = error instanceof Error ? error.message : String(error);
    throw new JournalError('migration_failed', `migration ${migration.name}: ${message}; nothing of it was applied`, {
      cause: error,
    });
  }
}

/** A server that is just starting is waited for. */
async function connect(url: string, system: System): Promise<pg.Client> {
  const until = system.elapsed() + PATIENCE_MS;
  for (;;) {
    const client = new pg.Client({ connectionString: url, application_name: 'switchyard migrate' });
    client.on('error', () => {});
    try {
      await client.connect();
      return client;
    } catch (error) {
      client.end().catch(() => {});
      if (!mayRepeat(error) || system.elapsed() > until) throw classify(error);
      await system.sleep(200);
    }
  }
}

/**
 * Brings the database to this build, as `prisma migrate deploy` would: same table, same checksums, same lock; either may go on
 * from where the other stopped. Each migration is one transaction. Callers may race. The login must own the database's tables.
 * Throws `migration_edited`, `migration_failed`, `database_newer`, `database_unavailable`.
 * `directory`: prisma/migrations, for bundles that lie elsewhere.
 */
export async function migrate(url: string, options: { readonly directory?: string } = {}): Promise<MigrateAnswer> {
  const migrations = readMigrations(options.directory ?? HERE);
  const client = await connect(url, realSystem);
  try {
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await client.query(TABLE);
    const { rows } = await client.query<Applied>(
      'select migration_name, checksum, finished_at from _prisma_migrations where rolled_back_at is null',
    );
    const todo = pending(migrations, rows);
    for (const migration of todo) await apply(client, migration);
    // grants belong to the database, the role to the server: a restored dump has the one without the other
    const granted = await client.query<{ ok: boolean }>('select grant_app_role() as ok');
    return { applied: todo.map((migration) => migration.name), appRole: granted.rows[0]?.ok === true };
  } finally {
    await client.end();
  }
}
