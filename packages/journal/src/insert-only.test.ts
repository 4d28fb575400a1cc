import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../../../test/harness/database.ts';
import { type JournalBench, openJournalBench, startOf, startRun } from '../../../test/harness/journal.ts';
import { openDatabase } from './database.ts';
import { migrate } from './migrate.ts';

let bench: JournalBench;
let runId: string;
let app: pg.Client;

beforeAll(async () => {
  bench = await openJournalBench();
  runId = await startRun(bench, ['a']);
  app = new pg.Client({ connectionString: bench.test.url, options: '-c role=switchyard_app' });
  await app.connect();
});
afterAll(async () => {
  await app.end();
  await bench.close();
});

const WRITES = [
  'insert into event (run_id, seq, kind, data, at) values (gen_random_uuid(), 1, $$note$$, $${}$$, now())',
  'update event set kind = kind',
  'delete from event',
  'truncate event',
  'update run set seq = 9',
  'delete from run',
  'update step set owner = 1',
  'insert into worker (server, alive_until, build) values (now(), now(), $$x$$)',
  'update worker set dead_at = null',
  'insert into firing (schedule_id, fire_at, outcome) values (gen_random_uuid(), now(), $$fired$$)',
  'delete from blob',
  'update revision set document = document',
  'select bury(1)',
  "select store_blobs(gen_random_uuid(), gen_random_uuid(), '{}', '{}', '{}')",
];

describe('the role of the product', () => {
  it('is the one the pool works as: a statement of the catalogue that it may not run is refused', async () => {
    expect((await app.query('select current_user as role')).rows).toEqual([{ role: 'switchyard_app' }]);
    await bench.test.sql('revoke insert on document from switchyard_app');
    const document = { slug: 's', title: 't', address: '/', text: 't' };
    await expect(bench.database.catalog.documents.upsert(document)).rejects.toThrow(/permission denied|denied access/i);
    await bench.test.sql('grant insert on document to switchyard_app');
    await bench.database.catalog.documents.upsert(document);
  });

  it.each(WRITES)('may not: %s', async (statement) => {
    await expect(app.query(statement)).rejects.toMatchObject({ code: '42501' });
  });

  it('may read everything and edit the catalogue', async () => {
    expect((await app.query('select count(*)::int as events from event')).rows).toEqual([{ events: 1 }]);
    expect((await app.query("update project set name = 'Here' returning name")).rows).toEqual([{ name: 'Here' }]);
  });
});

describe('the owner', () => {
  it.each(['update event set kind = kind', 'delete from event', 'truncate event'])('may not: %s', async (statement) => {
    await expect(bench.test.sql(statement)).rejects.toMatchObject({ code: 'SY002' });
  });

  it('may delete in a transaction that is marked as retention, and still not change', async () => {
    const owner = new pg.Client({ connectionString: bench.test.url });
    await owner.connect();
    await owner.query("begin; set local switchyard.retention = 'on'");
    expect((await owner.query('delete from event where run_id = $1', [runId])).rowCount).toBe(1);
    await owner.query('rollback');
    await owner.query("begin; set local switchyard.retention = 'on'");
    await expect(owner.query('update event set kind = kind')).rejects.toMatchObject({ code: 'SY002' });
    await owner.query('rollback');
    await owner.end();
    expect(await bench.test.sql('select count(*)::int as events from event')).toEqual([{ events: 1 }]);
  });
});

describe('a login that may not use the role', () => {
  it('works with its own rights, says so once, and is held by the trigger', async () => {
    const login = `plain_${randomBytes(4).toString('hex')}`;
    const test = await createTestDatabase({ migrated: false });
    await test.sql(`create role ${login} login password 'plain' nosuperuser`);
    await test.sql(`alter schema public owner to ${login}`);
    const url = new URL(test.url);
    url.username = login;
    url.password = 'plain';
    await migrate(url.href);
    const warnings: string[] = [];
    const database = await openDatabase({
      url: url.href,
      applicationName: 'plain',
      warn: (text) => warnings.push(text),
    });
    expect((await database.catalog.session()).project.name).toBe('Local');
    expect(warnings).toEqual([expect.stringContaining('switchyard_app')]);
    const request = startOf(bench, ['a'], { mustBePublished: false });
    expect((await database.journal.startRun(request)).outcome).toBe('started');
    await expect(test.sql('delete from event')).rejects.toMatchObject({ code: 'SY002' });
    await database.close();
    await test.sql(
      `alter schema public owner to current_user; reassign owned by ${login} to current_user; drop owned by ${login}; drop role ${login}`,
    );
    await test.drop();
  });
});
