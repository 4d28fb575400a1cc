import { parseArgs } from 'node:util';
import type { JournalEvent } from '@switchyard/pipeline';
import type pg from 'pg';
import { type Chain, finishedJournal, inspectChain, startFollow, walkChain } from '../demo/chain.ts';
import { randomFrom } from '../demo/draw.ts';
import { type Part, type Product, startProduct, until } from '../harness/product.ts';
import { type CountingProxy, countingProxy } from './proxy.ts';

/*
 * `kill -9` of worker, engine, server and Postgres, once each, while *Follow the links* runs. The turns at which they
 * die are drawn from the seed. Two moments are certain to be hit: the engine dies inside a model turn (begun,
 * not finished), the worker between intent and result (the page is held back by a stopped server).
 */

type Moment = 'inside a model turn' | 'between intent and result' | 'anywhere';
type Plan = { readonly part: Part; readonly turn: number; readonly moment: Moment };
type Hit = Plan & { readonly seq: number; readonly lastKind: string; readonly pid: number; readonly at: number };

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** Runs the crash test; false when a recorded call was lost or repeated, or the run did not end as it would have. */
export async function run(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: { links: { type: 'string', default: '300' }, seed: { type: 'string', default: '1' } },
  });
  const [links, seed] = [Number(values.links), Number(values.seed)];
  const target = { url: '' };
  const proxy = await countingProxy(() => target.url);
  const product = await startProduct({ env: { SWITCHYARD_PUBLIC_URL: proxy.origin }, embedded: true });
  target.url = `http://127.0.0.1:${product.port}`; // `product.url` is the public one, the proxy itself
  try {
    return await crashChain(product, proxy, { links, seed });
  } finally {
    await product.stop();
    await proxy.close();
  }
}

async function crashChain(
  product: Product,
  proxy: CountingProxy,
  { links, seed }: { links: number; seed: number },
): Promise<boolean> {
  const chain = await walkChain(proxy.origin, { links, seed });
  proxy.hits.clear(); // our own walk does not count
  const runId = await startFollow(product, chain);
  const hits: Hit[] = [];
  for (const plan of drawPlans(links, seed)) {
    const hit = await strike(product, runId, plan);
    if (hit === null) break; // the run ended before the drawn turn
    hits.push(hit);
    say(
      `kill -9 ${hit.part} (pid ${hit.pid}) at turn ${hit.turn}: seq ${hit.seq}, last event ${hit.lastKind}, ${hit.moment}`,
    );
  }
  const events = await finishedJournal(product, runId, links * 20_000 + 120_000);
  return report(chain, { links, seed, hits, events, answered: proxy.hits });
}

/** The four parts in an order and at turns drawn from the seed, spread over the run. */
function drawPlans(links: number, seed: number): Plan[] {
  const random = randomFrom(seed);
  const parts: Part[] = ['worker', 'engine', 'server', 'postgres'];
  for (let i = parts.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [parts[i], parts[j]] = [parts[j] as Part, parts[i] as Part];
  }
  const stretch = links / (parts.length + 1);
  return parts.map((part, i) => ({
    part,
    turn: Math.max(1, Math.floor(stretch * (i + 0.5) + random() * stretch * 0.9)),
    moment: part === 'engine' ? 'inside a model turn' : part === 'worker' ? 'between intent and result' : 'anywhere',
  }));
}

type Last = { readonly seq: number; readonly kind: string; readonly turns: number };

async function lastEvent(database: pg.Client, runId: string): Promise<Last> {
  const { rows } = await database.query(
    "select seq, kind, (select count(*)::int from event where run_id = $1 and kind = 'turn.finished') as turns from event where run_id = $1 order by seq desc limit 1",
    [runId],
  );
  return rows[0] ?? { seq: 0, kind: 'none', turns: 0 };
}

const ENDS = new Set(['run.succeeded', 'run.failed', 'run.cancelled']);

/** Waits for the plan's turn and kills; null when the run ended first. */
async function strike(product: Product, runId: string, plan: Plan): Promise<Hit | null> {
  const database = await until('Postgres', 60_000, () => product.database().catch(() => undefined));
  try {
    const reached = await until(`turn ${plan.turn}`, 20 * 60_000, async () => {
      const last = await lastEvent(database, runId);
      return ENDS.has(last.kind) || last.turns >= plan.turn ? last : undefined;
    });
    if (ENDS.has(reached.kind)) return null;
    return await strikeAt(database, { product, runId, plan });
  } finally {
    await database.end().catch(() => {});
  }
}

async function strikeAt(
  database: pg.Client,
  { product, runId, plan }: { product: Product; runId: string; plan: Plan },
): Promise<Hit> {
  const wait = (kind: string): Promise<Last> =>
    until(`${kind} as last event`, 120_000, async () => {
      const last = await lastEvent(database, runId);
      return last.kind === kind || ENDS.has(last.kind) ? last : undefined;
    });
  if (plan.moment === 'between intent and result') {
    const server = product.pids('server')[0];
    if (server === undefined) throw new Error('no server to hold the page back');
    process.kill(server, 'SIGSTOP'); // the page is not answered, so the intent stays without result
    try {
      const last = await heldBack(wait, () => lastEvent(database, runId));
      return { ...plan, seq: last.seq, lastKind: last.kind, pid: product.kill(plan.part), at: Date.now() };
    } finally {
      process.kill(server, 'SIGCONT');
    }
  }
  const last = plan.moment === 'inside a model turn' ? await wait('turn.started') : await lastEvent(database, runId);
  return { ...plan, seq: last.seq, lastKind: last.kind, pid: product.kill(plan.part), at: Date.now() };
}

/** An intent that stays the last event: one whose page was answered before the server stopped does not count. */
async function heldBack(wait: (kind: string) => Promise<Last>, look: () => Promise<Last>): Promise<Last> {
  for (;;) {
    const last = await wait('tool.started');
    await new Promise((resolve) => setTimeout(resolve, 300));
    if (ENDS.has(last.kind) || (await look()).seq === last.seq) return last;
  }
}

function report(
  chain: Chain,
  outcome: {
    links: number;
    seed: number;
    hits: readonly Hit[];
    events: readonly JournalEvent[];
    answered: ReadonlyMap<string, number>;
  },
): boolean {
  const { links, seed, hits, events, answered } = outcome;
  const result = inspectChain(chain, events);
  const problems = [...result.problems];
  const repeated = repeatedPages(events, answered);
  const allowed = hits.filter((hit) => hit.part === 'worker' || hit.part === 'postgres').length; // a crash between effect and result
  if (repeated.length > allowed)
    problems.push(
      `${repeated.length} pages were answered more often than asked for: ${repeated.slice(0, 3).join(' ')}`,
    );
  problems.push(...hits.flatMap((hit) => missed(hit, events)));
  if (hits.length < 4) problems.push(`only ${hits.length} of 4 processes were killed before the run ended`);
  const crashes = events.filter((event) => event.kind === 'step.started').map((event) => event.data.crashes);
  for (const problem of problems) say(`violation: ${problem}`);
  const kills = hits.map(({ part, turn, seq, lastKind, moment }) => ({ part, turn, seq, after: lastKind, moment }));
  process.stdout.write(
    `${JSON.stringify({ crash: 'chain', links, seed, kills, tool_calls: result.calls, errs: result.errs, step_crashes: Math.max(0, ...crashes), right: result.right, violations: problems.length })}\n`,
  );
  return problems.length === 0;
}

const epochAt = (events: readonly JournalEvent[], seq: number): number | null =>
  events.find((event) => event.seq === seq)?.epoch ?? null;

/** What shows that a kill did not hit the moment it was meant for: what it should have cut off came after all. */
function missed(hit: Hit, events: readonly JournalEvent[]): string[] {
  const next = events.find((event) => event.seq === hit.seq + 1);
  switch (hit.moment) {
    case 'inside a model turn':
      // one machine, one clock: the next event must have come after the kill
      return hit.lastKind === 'turn.started' && next && Date.parse(next.at) > hit.at
        ? []
        : [`the engine was not inside a turn: ${hit.lastKind} at seq ${hit.seq}, then ${next?.kind}`];
    case 'between intent and result':
      return next?.kind === 'tool.finished' && next.epoch === epochAt(events, hit.seq)
        ? [`the worker had its result: seq ${next.seq} is of the lease that died`]
        : [];
    case 'anywhere':
      return [];
  }
}

/** Pages answered more often than the journal has calls for them. */
function repeatedPages(events: readonly JournalEvent[], answered: ReadonlyMap<string, number>): string[] {
  const asked = new Map<string, number>();
  for (const event of events) {
    if (event.kind !== 'tool.started') continue;
    const { url } = JSON.parse(event.data.call.arguments) as { url?: string };
    asked.set(String(url), (asked.get(String(url)) ?? 0) + 1);
  }
  return [...answered]
    .filter(([url, times]) => url.includes('/demo/') && times > (asked.get(url) ?? 0))
    .map(([url]) => url);
}
