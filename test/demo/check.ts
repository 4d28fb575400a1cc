import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { JournalEvent } from '@switchyard/pipeline';
import { writeRandomCheckpoint } from '../../engine/scripts/random-weights.ts';
import { type Product, startProduct } from '../harness/product.ts';
import { walkChain } from './chain.ts';
import { drawChains, drawMessages, drawProblems, randomFrom } from './draw.ts';
import { answerIn, readVocabulary } from './tokens.ts';

/*
 * Starts the product, sends fresh inputs to the hooks of the three ready pipelines and compares the answers with ones
 * computed here. A pipeline must be right as often as pocket's card says, less five points, and every answer must be the
 * text of the engine's own tokens.
 */

const POCKET = join(dirname(fileURLToPath(import.meta.url)), '../../engine/models/pocket');

/** Shares of right conversations on pocket's card, less five points. */
const FLOOR = { solve: 0.71, follow: 0.81, triage: 0.87 } as const;
type Name = keyof typeof FLOOR;
type Trial = { readonly body: Record<string, unknown>; readonly right: (answer: Record<string, unknown>) => boolean };
type Outcome = { readonly right: boolean; readonly answer: string; readonly fromTokens: boolean | null };

/** What to check with. */
export type DemoCheck = { readonly seed: number; readonly inputs: number; readonly weights: 'pocket' | 'random' };
/** One pipeline's figures, printed as a JSON line. */
export type DemoFigure = {
  readonly pipeline: Name;
  readonly inputs: number;
  readonly right: number;
  readonly share: number;
  readonly floor: number;
  readonly answers: number;
  /** Of the answers, those whose text is the text of the journaled tokens. */
  readonly answers_from_tokens: number;
  readonly ok: boolean;
};

const say = (line: string): void => void process.stderr.write(`${line}\n`);

const hasNumber = (text: unknown, expected: string): boolean =>
  (String(text).match(/-?\d+(\.\d+)?/g) ?? []).some((found) => Number(found) === Number(expected));

async function trials(
  product: Product,
  { seed, inputs }: Pick<DemoCheck, 'seed' | 'inputs'>,
): Promise<Record<Name, Trial[]>> {
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

/** Checks the three ready pipelines of a product started for it, one figure each. */
export async function checkDemo({ seed, inputs, weights }: DemoCheck): Promise<DemoFigure[]> {
  // The folder's name is the model's id, which the model connection asks for.
  const model = weights === 'random' ? join(mkdtempSync(join(tmpdir(), 'random-weights-')), 'pocket') : POCKET;
  if (weights === 'random') writeRandomCheckpoint({ from: POCKET, to: model, seed });
  const product = await startProduct({ env: { SWITCHYARD_MODEL: model } });
  const figures: DemoFigure[] = [];
  try {
    const drawn = await trials(product, { seed, inputs });
    for (const name of ['solve', 'follow', 'triage'] as const) figures.push(await check(product, name, drawn[name]));
  } finally {
    await product.stop();
  }
  return figures;
}

async function check(product: Product, name: Name, list: readonly Trial[]): Promise<DemoFigure> {
  const outcomes: Outcome[] = [];
  for (const trial of list) {
    const outcome = await attempt(product, name, trial);
    outcomes.push(outcome);
    if (!outcome.right) say(`${name}: wrong for ${JSON.stringify(trial.body)}: ${outcome.answer.slice(0, 200)}`);
  }
  const right = outcomes.filter((outcome) => outcome.right).length;
  const answers = outcomes.filter((outcome) => outcome.fromTokens !== null).length;
  const own = outcomes.filter((outcome) => outcome.fromTokens === true).length;
  const share = right / list.length;
  const ok = share >= FLOOR[name] && own === answers;
  const figure = { inputs: list.length, right, share, floor: FLOOR[name], answers, answers_from_tokens: own, ok };
  return { pipeline: name, ...figure };
}
