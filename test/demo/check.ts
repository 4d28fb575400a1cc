import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { JournalEvent } from '@switchyard/pipeline';
import { writeRandomCheckpoint } from '../../engine/scripts/random-weights.ts';
import { type Product, startProduct } from '../harness/product.ts';
import { walkChain } from './chain.ts';
import { drawChains, drawMessages, drawProblems, randomFrom } from './draw.ts';
import { answerIn, readVocabulary } from './tokens.ts';

/*
 * `npm run demo:check -- [--seed N] [--inputs 40] [--weights pocket|random]`: starts the product, sends fresh inputs to
 * the hooks of the three ready pipelines and compares the answers with ones computed here. Fails when a pipeline is
 * right less often than pocket's card says, less five points. Every answer must be the text of the engine's own tokens.
 */

const POCKET = join(dirname(fileURLToPath(import.meta.url)), '../../engine/models/pocket');

/** Shares of right conversations on pocket's card, less five points. */
const FLOOR = { solve: 0.71, follow: 0.81, triage: 0.87 } as const;
type Name = keyof typeof FLOOR;
type Trial = { readonly body: Record<string, unknown>; readonly right: (answer: Record<string, unknown>) => boolean };
type Outcome = { readonly right: boolean; readonly answer: string; readonly fromTokens: boolean | null };

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    inputs: { type: 'string' },
    weights: { type: 'string', default: 'pocket' },
  },
});
const seed = Number(values.seed);
const random = values.weights === 'random';
// random weights never end a turn, so each input costs minutes of tokens; four of each are plenty to see them fail
const inputs = Number(values.inputs ?? (random ? 4 : 40));
const say = (line: string): void => void process.stderr.write(`${line}\n`);

const hasNumber = (text: unknown, expected: string): boolean =>
  (String(text).match(/-?\d+(\.\d+)?/g) ?? []).some((found) => Number(found) === Number(expected));

async function trials(product: Product): Promise<Record<Name, Trial[]>> {
  const draw = randomFrom(seed);
  const follow: Trial[] = [];
  for (const chain of drawChains(draw, inputs)) follow.push(await chainTrial(product, chain));
  return {
    solve: drawProblems(draw, inputs).map(({ question, expected }) => ({
      body: { question },
      right: (answer) => hasNumber(answer.answer, expected),
    })),
    follow,
    triage: drawMessages(draw, inputs).map(({ message, label }) => ({
      body: { message },
      right: (answer) => answer.label === label && typeof answer.reply === 'string' && answer.reply !== '',
    })),
  };
}

async function chainTrial(product: Product, draw: { links: number; seed: number }): Promise<Trial> {
  const { start, thing, found } = await walkChain(product.url, draw);
  return { body: { start, thing }, right: (answer) => String(answer.answer).includes(found) };
}

async function attempt(product: Product, name: Name, trial: Trial): Promise<Outcome> {
  const answer = await fetch(`${product.url}/hooks/demo-${name}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(trial.body),
  });
  const text = await answer.text();
  const runId = answer.headers.get('x-switchyard-run');
  const ok = answer.status === 200;
  return {
    right: ok && trial.right(JSON.parse(text)),
    answer: `${answer.status} ${text}`,
    fromTokens: ok ? runId !== null && (await tokensMatch(product, runId, JSON.parse(text))) : null,
  };
}

const decode = readVocabulary(POCKET);

/** Is the answer the text of the run's last turn, and that text exactly what the sampled tokens say? */
async function tokensMatch(product: Product, runId: string, answer: Record<string, unknown>): Promise<boolean> {
  const { events } = await product.api<{ events: JournalEvent[] }>(
    'GET',
    `/api/runs/${runId}/events?after=0&limit=1000`,
  );
  const last = events.findLast((event) => event.kind === 'turn.finished');
  if (last?.kind !== 'turn.finished' || last.data.tokens === undefined) return false;
  const own = answerIn(decode(last.data.tokens)).trim();
  return (
    own === last.data.text.trim() &&
    ('answer' in answer ? own === String(answer.answer).trim() : own.includes(String(answer.label)))
  );
}

async function main(): Promise<boolean> {
  // The folder's name is the model's id, which the model connection asks for.
  const model = random ? join(mkdtempSync(join(tmpdir(), 'random-weights-')), 'pocket') : POCKET;
  if (random) writeRandomCheckpoint({ from: POCKET, to: model, seed });
  const product = await startProduct({ env: { SWITCHYARD_MODEL: model } });
  let all = true;
  try {
    for (const [name, list] of Object.entries(await trials(product)) as [Name, Trial[]][])
      all = (await check(product, name, list)) && all;
  } finally {
    await product.stop();
  }
  return all;
}

async function check(product: Product, name: Name, list: readonly Trial[]): Promise<boolean> {
  const outcomes: Outcome[] = [];
  for (const trial of list) {
    const outcome = await attempt(product, name, trial);
    outcomes.push(outcome);
    if (!outcome.right) say(`${name}: wrong for ${JSON.stringify(trial.body)}: ${outcome.answer.slice(0, 200)}`);
  }
  const right = outcomes.filter((outcome) => outcome.right).length;
  const checked = outcomes.filter((outcome) => outcome.fromTokens !== null);
  const own = checked.filter((outcome) => outcome.fromTokens).length;
  const share = right / list.length;
  const ok = share >= FLOOR[name] && own === checked.length;
  const line = {
    pipeline: name,
    seed,
    weights: values.weights,
    inputs: list.length,
    right,
    share,
    floor: FLOOR[name],
    answers_from_tokens: `${own}/${checked.length}`,
    ok,
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
  return ok;
}

process.exitCode = (await main()) ? 0 : 1;
