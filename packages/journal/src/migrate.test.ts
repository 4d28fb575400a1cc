import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/harness/database.ts';
import { openDatabase } from './database.ts';
import { migrate } from './migrate.ts';

const MIGRATIONS = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url));
const CLI = fileURLToPath(new URL('../scripts/prisma.mjs', import.meta.url));
const MIGRATIONS_KNOWN = readdirSync(MIGRATIONS).filter((name) => /^\d/.test(name)).length;
let test: TestDatabase;
let folder: string;

beforeEach(async () => {
  test = await createTestDatabase({ migrated: false });
  folder = mkdtempSync(join(tmpdir(), 'migrations-'));
  cpSync(MIGRATIONS, folder, { recursive: true });
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  await test.drop();
});

const run = () => migrate(test.url, { directory: folder });
/** The Prisma CLI on this database, with the WASM engine in the place of its own. */
const prisma = (...args: readonly string[]) =>
  spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8', env: { ...process.env, DATABASE_URL: test.url } });
const addMigration = (name: string, sql: string): void => {
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, 'migration.sql'), sql);
};

describe('migrate', () => {
  it('must have run before a database is opened', async () => {
    await expect(openDatabase({ url: test.url, applicationName: 'test' })).rejects.toMatchObject({
      code: 'not_migrated',
    });
  });

  it('applies once, also when three processes start together', async () => {
    const answers = await Promise.all([run(), run(), run()]);
    expect(answers.filter((answer) => answer.applied.length > 0)).toHaveLength(1);
    expect((await run()).applied).toEqual([]);
    expect(
      await test.sql('select count(*)::int as rows, bool_and(finished_at is not null) as done from _prisma_migrations'),
    ).toEqual([{ rows: MIGRATIONS_KNOWN, done: true }]);
  });

  it('leaves a database that prisma migrate calls up to date, and goes on from where that stopped', async () => {
    await migrate(test.url);
    const status = prisma('migrate', 'status');
    expect(status.stdout).toContain('Database schema is up to date');
    expect(status.status).toBe(0);
    await test.sql('drop schema public cascade; create schema public');
    expect(prisma('migrate', 'deploy').status).toBe(0);
    expect((await migrate(test.url)).applied).toEqual([]);
  });

  it('refuses a migration that was edited after it was applied', async () => {
    await run();
    appendFileSync(join(folder, '20261125000000_init', 'migration.sql'), '-- edited\n');
    await expect(run()).rejects.toMatchObject({ code: 'migration_edited', next: 'stop' });
  });

  it('refuses a database that is newer than this build', async () => {
    addMigration('29990101000000_later', 'create table later (id int)');
    await run();
    rmSync(join(folder, '29990101000000_later'), { recursive: true });
    await expect(run()).rejects.toMatchObject({ code: 'database_newer' });
  });

  it('applies nothing of a migration that fails, and all of it once it is repaired', async () => {
    addMigration('29990101000000_broken', 'create table half (id int); select no_such_function()');
    await expect(run()).rejects.toMatchObject({ code: 'migration_failed' });
    expect(await test.sql("select to_regclass('half') as half, to_regclass('run') is not null as rest")).toEqual([
      { half: null, rest: true },
    ]);
    addMigrationText('29990101000000_broken', 'create table half (id int)');
    expect((await run()).applied).toEqual(['29990101000000_broken']);
  });

  it('stops at one that another tool left unfinished', async () => {
    await run();
    await test.sql("update _prisma_migrations set finished_at = null where migration_name like '%_journal'");
    await expect(run()).rejects.toMatchObject({ code: 'migration_failed' });
  });
});

const addMigrationText = (name: string, sql: string): void => writeFileSync(join(folder, name, 'migration.sql'), sql);
