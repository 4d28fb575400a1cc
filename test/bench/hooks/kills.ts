import { type Product, until } from '../../harness/product.ts';
import { type HookClient, type HookReply, openClient } from './client.ts';

/*
 * Requests while Postgres is killed. Each has an Idempotency-Key and is sent until it is answered 2xx, as a good sender does;
 * what was answered must be in the journal afterwards, once.
 */

const SENDERS = 50;
const PAUSE_MS = 50;

type Order = {
  readonly path: string;
  readonly expected: (n: number) => number;
  readonly requests: number;
  readonly kills: number;
};

/** What became of the requests. `lost`: answered, and not in the journal as it was asked. `doubled`: runs beyond one for each key. */
export type KillReport = { readonly lost: number; readonly doubled: number; readonly retried: number };

/** Sends them all, kills Postgres at even distances, and looks into the journal. */
export async function requestsThroughKills(product: Product, order: Order): Promise<KillReport> {
  const answers = new Map<number, HookReply>();
  const stamp = `${Date.now()}`;
  let next = 0;
  let retried = 0;
  const sender = async (): Promise<void> => {
    let client: HookClient | null = null;
    for (let n = next++; n < order.requests; n = next++) {
      for (;;) {
        try {
          client ??= await openClient(product.port);
          const reply = await client.ask(order.path, `{"n":${n}}`, { 'Idempotency-Key': `${stamp}-${n}` });
          if (reply.status >= 200 && reply.status < 300) {
            answers.set(n, reply);
            break;
          }
        } catch {
          client?.close();
          client = null;
        }
        retried += 1;
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
    client?.close();
  };
  await Promise.all([...Array.from({ length: SENDERS }, sender), killing(product, order, answers)]);
  return { ...(await inspect(product, { order, answers, stamp })), retried };
}

/** Kills when another share of the requests is answered, and waits until there is a Postgres again. */
async function killing(
  product: Product,
  { requests, kills }: Order,
  answers: ReadonlyMap<number, HookReply>,
): Promise<void> {
  for (let kill = 1; kill <= kills; kill++) {
    await until('answers before a kill', 300_000, () =>
      answers.size >= (requests * kill) / (kills + 1) ? true : undefined,
    );
    const killed = product.kill('postgres');
    const after = answers.size;
    process.stderr.write(`webhook: Postgres killed after ${after} answers\n`);
    await until('Postgres again', 60_000, () => (product.pids('postgres')[0] ?? killed) !== killed || undefined);
    await until('answers after a kill', 60_000, () =>
      answers.size > after || answers.size === requests ? true : undefined,
    );
  }
}

type Found = { readonly key: string; readonly runs: number; readonly n: number; readonly state: string };

async function inspect(
  product: Product,
  {
    order,
    answers,
    stamp,
  }: { readonly order: Order; readonly answers: ReadonlyMap<number, HookReply>; readonly stamp: string },
): Promise<{ readonly lost: number; readonly doubled: number }> {
  const database = await until('a connection', 30_000, () => product.database().catch(() => undefined));
  try {
    const { rows } = await database.query<Found>(
      `select r.dedup_key as key, count(*)::int as runs, min((e.data #>> '{input,inline,body,n}')::int) as n, min(r.state) as state
         from run r join event e on e.run_id = r.id and e.seq = 1 where r.dedup_key like '%' || $1 || '-%' group by r.dedup_key`,
      [stamp],
    );
    const found = new Map(rows.map((row) => [Number(row.key.slice(row.key.lastIndexOf('-') + 1)), row]));
    const lost = [...answers].filter(([n, { status, body }]) => {
      const row = found.get(n);
      const right = status === 202 || JSON.parse(body).n === order.expected(n);
      return row === undefined || row.n !== n || !right;
    }).length;
    const runs = rows.reduce((sum, row) => sum + row.runs, 0);
    return { lost: lost + (order.requests - answers.size), doubled: runs - found.size };
  } finally {
    await database.end();
  }
}
