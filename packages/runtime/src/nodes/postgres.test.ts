import type { JournalEvent, Json } from '@switchyard/pipeline';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, eventually, type TestDatabase } from '../../../../test/harness/database.ts';
import { startWorkerProcess } from '../../../../test/harness/worker-process.ts';
import { draw, openWorkshop, type Workshop } from '../../../../test/harness/workshop.ts';

let shop: Workshop;
let theirs: TestDatabase;
let origin: string;
beforeAll(async () => {
  shop = await openWorkshop('postgres');
  theirs = await createTestDatabase({ migrated: false });
  const url = new URL(theirs.url);
  origin = `http://${url.hostname}:${url.port || 5432}`;
  url.searchParams.set('sslmode', 'disable');
  await shop.database.catalog.credentials.set('theirs', { url: url.href });
});
afterAll(async () => {
  await shop.close();
  await theirs.drop();
});
beforeEach(async () => {
  await theirs.sql('drop table if exists people');
  await theirs.sql('create table people (id int primary key, name text not null)');
  await theirs.sql("insert into people values (1, 'Ann'), (2, 'Bob')");
});

const start = { id: 'start', type: 'trigger.manual' };
const begin = (config: object, input: Json = {}) =>
  shop.start(
    draw({
      nodes: [start, { id: 'ask', type: 'postgres', config: { credential: 'theirs', ...config } } as Json],
      edges: ['start > ask'],
    }),
    input,
  );
const open = () => shop.worker({ allow: [{ origin, pathPrefix: '/' }] });
const run = async (config: object, input: Json = {}): Promise<JournalEvent['data'] | undefined> => {
  const worker = await open();
  const events = await shop.events(await begin(config, input));
  await worker.stop();
  return events.at(-1)?.data;
};
const people = () => theirs.sql<{ id: number; name: string }>('select id, name from people order by id');

test('rows arrive as JSON', async () => {
  const query = `select id, name, id = 1 as first, 9007199254740993::bigint as big, 1.10::numeric as exact, null as nothing,
    'NaN'::float8 as odd, '{"a": [1]}'::jsonb as data, timestamptz '2026-01-02 03:04:05+02' as at, 1 as "__proto__"
    from people where id = $1`;
  const data = await run({ query, parameters: ['{{ run.input.id }}'] }, { id: 1 });
  const row = {
    ...{ id: 1, name: 'Ann', first: true, big: '9007199254740993', exact: '1.10', nothing: null, odd: 'NaN' },
    ...{ data: { a: [1] }, at: '2026-01-02 01:04:05+00' },
  };
  expect(data).toMatchObject({ output: { inline: { rows: [row], rowCount: 1 } } });
});

test('run data stays a value: SQL in it is text, and the query is no template', async () => {
  const name = "x'); drop table people; --";
  expect(await run({ query: 'select $1::text as name', parameters: ['{{ run.input.name }}'] }, { name })).toMatchObject(
    {
      output: { inline: { rows: [{ name }] } },
    },
  );
  const templated = { query: "select '{{ run.input.name }}' as name", allowWrites: true };
  expect(await run(templated, { name })).toMatchObject({
    output: { inline: { rows: [{ name: '{{ run.input.name }}' }] } },
  });
  expect(await people()).toHaveLength(2);
});

test('lists and objects are bound as JSON', async () => {
  const query = 'select name from people where id in (select jsonb_array_elements($1::jsonb)::int) order by id';
  expect(await run({ query, parameters: [[1, 2]] })).toMatchObject({
    output: { inline: { rows: [{ name: 'Ann' }, { name: 'Bob' }] } },
  });
});

test.each([
  ["insert into people values (3, 'Cy')", 'read_only'],
  ['drop table people', 'read_only'],
  ['with gone as (delete from people returning id) select * from gone', 'read_only'],
  ['commit; delete from people', 'sql_failed'],
  ['select 1; delete from people', 'sql_failed'],
])('reading cannot write: %s', async (query, code) => {
  expect(await run({ query })).toMatchObject({ failure: { code, node: 'ask' } });
  expect(await people()).toHaveLength(2);
});

test('a statement that would make the transaction writable is refused', async () => {
  const query = "select set_config('transaction_read_only', 'off', false) from people";
  expect(await run({ query })).toMatchObject({ failure: { code: 'sql_failed' } });
});

test('writes are committed where they are allowed, and a failure keeps nothing', async () => {
  const insert = {
    query: 'insert into people values ($1, $2)',
    parameters: ['{{ run.input.id }}', 'Cy'],
    allowWrites: true,
  };
  expect(await run(insert, { id: 3 })).toMatchObject({ output: { inline: { rows: [], rowCount: 1 } } });
  expect(await people()).toContainEqual({ id: 3, name: 'Cy' });
  expect(await run(insert, { id: 3 })).toMatchObject({
    failure: { code: 'sql_failed', details: { sqlstate: '23505' } },
  });
  const many = { query: "insert into people select n, 'x' from generate_series(10, 99) n returning id", maxRows: 5 };
  expect(await run({ ...many, allowWrites: true })).toMatchObject({ failure: { code: 'too_large' } });
  expect(await people()).toHaveLength(3);
});

test('limits of rows, bytes and time', async () => {
  expect(await run({ query: 'select generate_series(1, 11)', maxRows: 10 })).toMatchObject({
    failure: { code: 'too_large' },
  });
  expect(await run({ query: 'select n from generate_series(1, 10) n', maxRows: 10 })).toMatchObject({
    output: { inline: { rowCount: 10 } },
  });
  expect(await run({ query: "select repeat('x', 5000000) as wide", maxBytes: 10_000 })).toMatchObject({
    failure: { code: 'too_large' },
  });
  expect(await run({ query: 'select pg_sleep(60)', timeoutSeconds: 0.1 })).toMatchObject({
    failure: { code: 'timeout' },
  });
});

test.each([
  ['postgres://u:s3cret@127.0.0.1:1/x', 'egress_denied'],
  ['postgres://u:s3cret@localhost:1/x', 'egress_denied'],
  ['postgres://u:s3cret@10.0.0.1/x', 'egress_denied'],
  ['postgres://u:s3cret@[::ffff:169.254.169.254]/x', 'egress_denied'],
  ['postgres:///x?host=/tmp', 'bad_credential'],
  ['postgres://u:s3cret@example.com/x?host=127.0.0.1', 'bad_credential'],
  ['postgres://u:s3cret@example.com/x?sslrootcert=/etc/passwd', 'bad_credential'],
  ['http://u:s3cret@example.com/x', 'bad_credential'],
])('an address inside, or one that says more than a place, is refused: %s', async (url, code) => {
  await shop.database.catalog.credentials.set('inside', { url });
  const data = await run({ credential: 'inside', query: 'select 1' });
  expect(data).toMatchObject({ failure: { code } });
  expect(JSON.stringify(data)).not.toContain('s3cret');
});

test('a credential of another kind, and a server without TLS, get nothing', async () => {
  const { credentials } = shop.database.catalog;
  await credentials.set('header', { header: 'Authorization', value: 's3cret', hosts: ['example.com'] });
  expect(await run({ credential: 'header', query: 'select 1' })).toMatchObject({
    failure: { code: 'unknown_credential' },
  });
  await credentials.set('checked', { url: theirs.url });
  expect(await run({ credential: 'checked', query: 'select 1' })).toMatchObject({ failure: { node: 'ask' } });
});

test('a write whose worker was killed is not done again in silence', async () => {
  const query = 'insert into people select 7, pg_sleep(30)::text';
  const victim = await startWorkerProcess(shop, { allowOrigin: origin });
  const id = await begin({ query, allowWrites: true });
  const busy = "select pid from pg_stat_activity where query like 'insert into people select 7%' and state = 'active'";
  const [{ pid }] = await eventually('the write', async () => {
    const rows = await theirs.sql<{ pid: number }>(busy);
    return rows.length > 0 ? (rows as [{ pid: number }]) : null;
  });
  victim.kill();
  const second = await open();
  const events = await shop.events(id);
  expect(events.at(-1)).toMatchObject({
    kind: 'run.failed',
    data: { failure: { code: 'outcome_unknown', node: 'ask' } },
  });
  expect(await theirs.sql(busy)).toEqual([{ pid }]); // the first one alone
  await theirs.sql('select pg_terminate_backend($1)', [pid]);
  await eventually('the end of the write', async () => ((await theirs.sql(busy)).length === 0 ? true : null));
  await second.stop();
});
