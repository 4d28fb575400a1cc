import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JournalEvent } from '@switchyard/pipeline';
import { finishedJournal } from '../demo/chain.ts';
import { type Product, startProduct } from '../harness/product.ts';
import { type ScriptedModel, startScriptedModel } from '../harness/scripted-model.ts';
import { draw } from '../harness/workshop.ts';
import { print } from './figure.ts';

/*
 * One agent run with many large results: 300 pages of 0.5 MB, no two alike and none that a database could compress much.
 * What the worker's memory grows by, what the database grows by, and whether its second half costs what its first did.
 */

const PAGE_CHARS = 500_000;
const WARM_UP = 40;
/** Above this the worker keeps results that nobody will look at. */
const MOST_GROWTH_MB = 50;
/** A database grows in whole pages and segments, but not faster and faster. */
const MOST_LINEARITY = 1.25;
const RESULT_MS = 3_000;
const MB = 1024 * 1024;

/** Runs the bench; false when a result is missing or wrong, or a bound does not hold. `--quick`: 60 results instead of 300. */
export async function run(args: readonly string[]): Promise<boolean> {
  const results = args.includes('--quick') ? 60 : 300;
  const pages = await startPages();
  const model = await startScriptedModel(() => ({ text: 'no script' }));
  const env = { SWITCHYARD_ALLOW_ORIGINS: pages.origin };
  const product = await startProduct({ embedded: true, env });
  try {
    const pipeline = await publish(product, model);
    const bench: Bench = { product, model, pipeline, origin: pages.origin };
    await fetchPages(bench, { name: 'warm-up', results: WARM_UP });
    return report(await fetchPages(bench, { name: 'measured', results }), results);
  } finally {
    await product.stop();
    await model.close();
    await pages.close();
  }
}

type Bench = {
  readonly product: Product;
  readonly model: ScriptedModel;
  readonly pipeline: string;
  readonly origin: string;
};
type Task = { readonly name: string; readonly results: number };
/** `right`: results with the right bytes. */
type Found = { readonly right: number; readonly problems: readonly string[] };
type Measured = Found & {
  /** Worker RSS before the run, at each turn, and at its end. */
  readonly rss: readonly number[];
  /** Bytes of the database with so many results, by their number. */
  readonly bytes: ReadonlyMap<number, number>;
};

function report({ right, problems, rss, bytes }: Measured, results: number): boolean {
  for (const problem of problems) process.stderr.write(`bytes: ${problem}\n`);
  const at = (count: number): number => bytes.get(count) ?? Number.NaN;
  const [before = Number.NaN] = rss;
  const growth = (rss.at(-1) ?? Number.NaN) - before;
  const half = results / 2;
  const linearity = (at(results) - at(half)) / (at(half) - at(0));
  const figure = (metric: string, value: number, unit: string): void =>
    print({
      bench: 'bytes',
      metric,
      value,
      unit,
      n: 1,
      ...(metric === 'rss_growth_mb' ? { limit: { name: 'must', value: MOST_GROWTH_MB } } : {}),
    });
  figure('results', right, 'results');
  figure('rss_growth_mb', growth, 'MB');
  figure('rss_peak_growth_mb', Math.max(...rss) - before, 'MB');
  figure('db_mb', (at(results) - at(0)) / MB, 'MB');
  figure('linearity', linearity, 'ratio');
  return problems.length === 0 && growth <= MOST_GROWTH_MB && linearity <= MOST_LINEARITY;
}

/** One run that fetches so many pages, one a turn. */
async function fetchPages({ product, model, pipeline, origin }: Bench, task: Task): Promise<Measured> {
  const database = await product.database();
  const rss = [workerRss(product)];
  const bytes = new Map<number, number>();
  const first = model.requests.length + 1;
  const size = async (): Promise<number> => {
    const { rows } = await database.query(
      "select sum(pg_total_relation_size(c.oid))::float8 as bytes from pg_class c where c.relname in ('run', 'event', 'step', 'blob', 'blob_ref')",
    );
    return rows[0].bytes;
  };
  model.script = async (_request, number) => {
    const done = number - first;
    rss.push(workerRss(product));
    if ([0, task.results / 2, task.results].includes(done)) bytes.set(done, await size());
    if (done % 50 === 0) process.stderr.write(`${task.name}: ${done} results, worker ${rss.at(-1)?.toFixed(0)} MB\n`);
    if (done >= task.results) return { text: `fetched ${task.results}` };
    const url = `${origin}/${task.name}/${done}`;
    return { calls: [{ id: `call:${done}`, name: 'http_fetch', arguments: JSON.stringify({ url }) }] };
  };
  try {
    const path = `/api/pipelines/${pipeline}/runs`;
    const { runId } = await product.api<{ runId: string }>('POST', path, { source: 'published', input: {} });
    const events = await finishedJournal(product, runId, task.results * RESULT_MS);
    rss.push(workerRss(product));
    const stored = await database.query(
      "select encode(sha256(b.bytes), 'hex') as sha256 from blob b join blob_ref r using (sha) where r.run_id = $1",
      [runId],
    );
    return { ...inspect(task, events, new Set(stored.rows.map((row) => row.sha256))), rss, bytes };
  } finally {
    await database.end();
  }
}

/** Every page is a result, in order, once, and its bytes are in the database. `stored`: hashes of what is there, made by the database. */
function inspect({ name, results }: Task, events: readonly JournalEvent[], stored: ReadonlySet<string>): Found {
  const problems: string[] = [];
  let right = 0;
  const found = events.flatMap((event) => (event.kind === 'tool.finished' ? [event.data.result] : []));
  if (found.length !== results) problems.push(`${found.length} of ${results} results are in the journal`);
  for (const [i, value] of found.entries()) {
    const sha256 = createHash('sha256')
      .update(page(`/${name}/${i}`))
      .digest('hex');
    const is = 'blob' in value ? value.blob.sha256 : 'no blob';
    if (is !== sha256) problems.push(`result ${i} is ${is}, not ${sha256}`);
    else if (!stored.has(sha256)) problems.push(`the bytes of result ${i} are not in the database`);
    else right += 1;
  }
  const last = events.at(-1);
  if (last?.kind !== 'run.succeeded') problems.push(`the run ended with ${JSON.stringify(last).slice(0, 300)}`);
  return { right, problems };
}

/** The page at a path: noise drawn from the path. */
const page = (path: string): string =>
  createHash('shake256', { outputLength: (PAGE_CHARS / 4) * 3 })
    .update(path)
    .digest('base64');

async function startPages(): Promise<{ readonly origin: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' }).end(page(request.url ?? ''));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function publish(product: Product, model: ScriptedModel): Promise<string> {
  await product.api('POST', '/api/connections', {
    name: 'scripted',
    baseUrl: model.baseUrl,
    modelId: 'scripted',
    dialect: 'kimi',
  });
  const config = { connection: 'scripted', prompt: 'Fetch the pages.', tools: ['http_fetch'], maxTurns: 400 };
  const document = draw({
    nodes: [
      { id: 'start', type: 'trigger.manual' },
      { id: 'work', type: 'agent', config },
    ],
    edges: ['start > work'],
  });
  const { id } = await product.api<{ id: string }>('POST', '/api/pipelines', { name: 'bytes', document });
  await product.api('POST', `/api/pipelines/${id}/publish`, {}, { 'if-match': '"1"' });
  return id;
}

function workerRss(product: Product): number {
  const status = readFileSync(`/proc/${product.pids('worker')[0]}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}
