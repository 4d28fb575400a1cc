import type { JournalEvent } from '@switchyard/pipeline';
import { type Product, until } from '../harness/product.ts';

/** A chain of pages: where it starts, what stands at its end, and the addresses on the way. */
export type Chain = {
  readonly start: string;
  readonly thing: string;
  readonly found: string;
  readonly addresses: readonly string[];
};

/** Draws a chain of the product's own pages and walks it as a browser would, to know the right answer. `origin` may be a proxy's. */
export async function walkChain(origin: string, draw: { links: number; seed: number }): Promise<Chain> {
  const { start, thing } = (await (
    await fetch(`${origin}/demo/start?links=${draw.links}&seed=${draw.seed}`)
  ).json()) as { start: string; thing: string };
  const addresses = [start];
  let page = await (await fetch(start)).text();
  for (let next = address(page); next !== null; next = address(page)) {
    addresses.push(next);
    page = await (await fetch(next)).text();
  }
  const found = page
    .split('\n')
    .map((line) => /^(?:The )?(.+?)(?: is |: )(\S+?)\.?$/.exec(line))
    .find((line) => line?.[1]?.toLowerCase() === thing.toLowerCase())?.[2];
  if (found === undefined) throw new Error(`the chain from ${start} ends without its ${thing}: ${page}`);
  return { start, thing, found, addresses };
}

const address = (page: string): string | null => /https?:\/\/[^\s]*[^\s.]/.exec(page)?.[0] ?? null;

/** Starts *Follow the links* as a press on Run does, and answers at once with the run's id. */
export async function startFollow(product: Product, chain: Chain): Promise<string> {
  const { items } = await product.api<{ items: { id: string; slug: string }[] }>('GET', '/api/pipelines');
  const pipeline = items.find((item) => item.slug.startsWith('follow'));
  if (pipeline === undefined)
    throw new Error(`no pipeline to follow links among ${items.map((item) => item.slug).join(', ')}`);
  const input = { method: 'POST', headers: {}, query: {}, body: { start: chain.start, thing: chain.thing } };
  const { runId } = await product.api<{ runId: string }>('POST', `/api/pipelines/${pipeline.id}/runs`, {
    source: 'published',
    input,
  });
  return runId;
}

/** All events of a run, read from the database itself. */
export async function journalOf(product: Product, runId: string): Promise<JournalEvent[]> {
  const database = await product.database();
  try {
    const { rows } = await database.query(
      'select run_id as "runId", seq, kind, step_key as "stepKey", epoch, n, data, at from event where run_id = $1 order by seq',
      [runId],
    );
    return rows.map((row) => ({ ...row, at: new Date(row.at).toISOString() }));
  } finally {
    await database.end();
  }
}

/** Waits until the run has its terminal event and answers the whole journal. */
export const finishedJournal = (product: Product, runId: string, ms: number): Promise<JournalEvent[]> =>
  until(`the end of run ${runId}`, ms, async () => {
    const { run } = await product
      .api<{ run: { state: string } }>('GET', `/api/runs/${runId}`)
      .catch(() => ({ run: { state: 'unreachable' } }));
    if (!['succeeded', 'failed', 'cancelled'].includes(run.state)) {
      await new Promise((resolve) => setTimeout(resolve, 480));
      return undefined;
    }
    return journalOf(product, runId);
  });

/** What a run of the chain did, checked against the chain itself. */
export type ChainReport = {
  readonly calls: number;
  readonly distinct: number;
  /** How often the model erred, by kind: addresses that are not of the chain, failed calls, turns that were no use. */
  readonly errs: Readonly<Record<string, number>>;
  readonly right: boolean;
  readonly problems: readonly string[];
};

/** Checks a finished run: right answer, every page fetched, each call one result, no recorded call asked again. */
export function inspectChain(chain: Chain, events: readonly JournalEvent[]): ChainReport {
  const { problems, results, fetched, failed } = callsOf(events);
  const missing = chain.addresses.filter((page) => !fetched.includes(page));
  if (missing.length > 0) problems.push(`${missing.length} pages were never opened, the first ${missing[0]}`);
  events.forEach((event, i) => {
    if (event.seq !== i + 1) problems.push(`seq ${event.seq} stands at place ${i + 1}`);
  });
  const last = events.at(-1);
  const right = last?.kind === 'run.succeeded' && JSON.stringify(last.data.output).includes(chain.found);
  if (!right) problems.push(`the run ended with ${JSON.stringify(last).slice(0, 300)}`);
  const wrong = fetched.filter((page) => !chain.addresses.includes(page)).length;
  const incomplete = events.filter((event) => event.kind === 'turn.incomplete').map((event) => event.data.reason);
  const errs = { wrong_address: wrong, failed_call: failed, ...countOf(incomplete) };
  return { calls: results.size, distinct: new Set(fetched).size, errs, right, problems };
}

/** Every call with its result; a second result or a call after its result is a problem. */
function callsOf(events: readonly JournalEvent[]): {
  problems: string[];
  results: Set<string>;
  fetched: string[];
  failed: number;
} {
  const problems: string[] = [];
  const results = new Set<string>();
  const fetched: string[] = [];
  let failed = 0;
  for (const event of events) {
    if (event.kind === 'tool.started') {
      const { id, arguments: given } = event.data.call;
      if (results.has(id)) problems.push(`${id} was asked again at seq ${event.seq} after its result`);
      fetched.push(String((JSON.parse(given) as { url?: string }).url));
    }
    if (event.kind === 'tool.finished') {
      if (results.has(event.data.call)) problems.push(`${event.data.call} has a second result at seq ${event.seq}`);
      results.add(event.data.call);
      if (event.data.failed) failed += 1;
    }
  }
  return { problems, results, fetched, failed };
}

const countOf = (words: readonly string[]): Record<string, number> =>
  Object.fromEntries([...new Set(words)].map((word) => [word, words.filter((other) => other === word).length]));
