import { parseArgs } from 'node:util';
import { checkDemo } from './check.ts';

/*
 * `npm run demo:check -- [--seed N] [--inputs 40] [--weights pocket|random]`: one JSON line for each ready pipeline.
 * Fails when one is right too seldom, which with random weights all three must be.
 */

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    inputs: { type: 'string' },
    weights: { type: 'string', default: 'pocket' },
  },
});
const seed = Number(values.seed);
const weights = values.weights === 'random' ? 'random' : 'pocket';
// random weights hardly ever end a turn, so an input costs thousands of tokens; four of each are plenty to see them fail
const inputs = Number(values.inputs ?? (weights === 'random' ? 4 : 40));
const figures = await checkDemo({ seed, inputs, weights });
for (const figure of figures) process.stdout.write(`${JSON.stringify({ ...figure, seed, weights })}\n`);
process.exitCode = figures.every((figure) => figure.ok) ? 0 : 1;
