import express from 'express';
import pg from 'pg';

/*
 * The floor under the webhook bench, a process of its own: Express and node-postgres with so many inserts per request, each its own
 * commit, into a table without constraints. What a product with that many durable facts per request cannot be faster than.
 */

const [url = '', inserts = '1'] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: url, max: 10 });
await pool.query(
  'create table if not exists bench_floor (id bigserial primary key, at timestamptz default now(), data json)',
);
const app = express();
app.use(express.json());
app.post('/', async (request, response) => {
  for (let i = 0; i < Number(inserts); i++)
    await pool.query({
      name: 'floor',
      text: 'insert into bench_floor (data) values ($1)',
      values: [JSON.stringify(request.body)],
    });
  response.json({ n: request.body.n * 2 + 3 });
});
const server = app.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`);
});
process.on('SIGTERM', () => process.exit(0));
