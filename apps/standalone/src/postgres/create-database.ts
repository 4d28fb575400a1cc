import pg from 'pg';

/** Makes the database unless it is there. `admin` is the address of any other database of the server. */
export async function createDatabase(admin: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: admin });
  client.on('error', () => {});
  await client.connect();
  try {
    const found = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (found.rowCount === 0) await client.query(`create database ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}
