import type { JournalEvent } from '@switchyard/pipeline';
import { finishedJournal, inspectChain, startFollow, walkChain } from '../demo/chain.ts';
import { type Product, startProduct } from '../harness/product.ts';
import { median, print, spread } from './figure.ts';

/*
 * One run of *Follow the links* through the whole product, real model and all: where the time of a turn goes (model,
 * tool, ours), what a turn costs in the database, and how many tokens the engine computed for each token it needed.
 */

type Stats = { readonly prefilled_tokens: number; readonly cached_tokens: number };
type Turn = { readonly total: number; readonly model: number; readonly tool: number; readonly ours: number };

/** Runs the bench; false when the run did not do the work. `--quick` takes 60 links instead of 300; `--links`, `--seed` choose. */
export async function run(args: readonly string[]): Promise<boolean> {
  const option = (name: string): string | undefined => args[args.indexOf(`--${name}`) + 1 || args.length];
  const links = Number(option('links') ?? (args.includes('--quick') ? 60 : 300));
  const seed = Number(option('seed') ?? 2);
  const product = await startProduct({ port: 7070 });
  try {
    const chain = await walkChain(product.url, { links, seed });
    const before = await databaseBytes(product);
    const runId = await startFollow(product, chain);
    const events = await finishedJournal(product, runId, links * 20_000);
    const report = inspectChain(chain, events);
    for (const problem of report.problems) process.stderr.write(`chain: ${problem}\n`);
    figures({ events, report, bytes: (await databaseBytes(product)) - before, stats: await engineStats(product) });
    return report.right && report.problems.length === 0;
  } finally {
    await product.stop();
  }
}

function figures(measured: {
  events: readonly JournalEvent[];
  report: ReturnType<typeof inspectChain>;
  bytes: number;
  stats: Stats;
}): void {
  const { events, report, bytes, stats } = measured;
  const turns = splitTurns(events);
  const figure = (metric: string, value: number, unit: string, all?: readonly number[]): void =>
    print({ bench: 'chain', metric, value, unit, n: all?.length ?? 1, ...(all ? { spread: spread(all) } : {}) });
  figure('turns', events.filter((event) => event.kind === 'turn.finished').length, 'turns');
  figure('tool_calls', report.calls, 'calls');
  for (const [kind, count] of Object.entries(report.errs)) figure(`errs_${kind}`, count, 'errs');
  figure('correct', report.right && report.problems.length === 0 ? 1 : 0, 'bool');
  for (const part of ['total', 'model', 'tool', 'ours'] as const) {
    const all = turns.map((turn) => turn[part]);
    figure(part === 'total' ? 'turn_ms' : `turn_${part}_ms`, median(all), 'ms', all);
  }
  figure('db_bytes_per_turn', bytes / Math.max(1, turns.length), 'bytes');
  figure('prefilled_over_unique', stats.prefilled_tokens / uniqueTokens(events), 'ratio');
}

/** From one finished turn to the next: the model's share and the tool's are in the events, the rest is ours. */
function splitTurns(events: readonly JournalEvent[]): Turn[] {
  const turns: Turn[] = [];
  let began: number | null = null;
  let tool = 0;
  for (const event of events) {
    if (event.kind === 'tool.finished') tool += event.data.ms;
    if (event.kind !== 'turn.finished') continue;
    const at = Date.parse(event.at);
    if (began !== null) {
      const total = at - began;
      turns.push({ total, model: event.data.modelMs, tool, ours: total - event.data.modelMs - tool });
    }
    began = at;
    tool = 0;
  }
  return turns;
}

/** Tokens a perfect cache would prefill: each prompt's new end; after a window change all but the head that stays (declarations, system, user). */
function uniqueTokens(events: readonly JournalEvent[]): number {
  let [unique, known, head] = [0, 0, 0];
  for (const event of events) {
    if (event.kind === 'window.compacted') known = head;
    if (event.kind !== 'turn.finished') continue;
    unique += Math.max(0, event.data.usage.prompt - known);
    head ||= event.data.usage.prompt;
    known = event.data.usage.prompt + event.data.usage.completion;
  }
  return unique;
}

const engineStats = async (product: Product): Promise<Stats> =>
  (await (
    await fetch(`http://127.0.0.1:${product.enginePort}/v1/stats`, {
      headers: { authorization: `Bearer ${product.engineKey}` },
    })
  ).json()) as Stats;

async function databaseBytes(product: Product): Promise<number> {
  const database = await product.database();
  try {
    const { rows } = await database.query(
      "select sum(pg_total_relation_size(c.oid))::float8 as bytes from pg_class c where c.relname in ('run', 'event', 'step', 'blob', 'blob_ref')",
    );
    return rows[0].bytes;
  } finally {
    await database.end();
  }
}
