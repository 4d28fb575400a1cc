/* Speed of the reference engine on the shipped model: `npx tsx engine/scripts/bench.ts`. Prints one line a measurement. */
import { shippedModel } from '../host/models.ts';
import { forward, loadModel, logitsOf, openSequence } from '../reference/forward.ts';

const CHUNK = 64;

/** Milliseconds of the fastest of `rounds`: others share the machine, and the fastest is what they disturbed least. */
function fastest(rounds: number, work: () => void): number {
  return Math.min(
    ...Array.from({ length: rounds }, () => {
      const start = performance.now();
      work();
      return performance.now() - start;
    }),
  );
}

const loaded = performance.now();
const model = loadModel(shippedModel());
process.stdout.write(`load                      ${(performance.now() - loaded).toFixed(0)} ms\n`);
const tokens = Array.from({ length: 704 }, (_, i) => (i * 7919) % 2016);

for (const length of [128, 704]) {
  const ms = fastest(5, () => {
    const sequence = openSequence(model);
    for (let at = 0; at < length; at += CHUNK) forward(model, sequence, tokens.slice(at, at + CHUNK));
  });
  process.stdout.write(
    `prefill ${String(length).padStart(4)} tokens       ${((length / ms) * 1000).toFixed(0)} tok/s\n`,
  );
}
for (const context of [64, 640]) {
  const sequence = openSequence(model);
  forward(model, sequence, tokens.slice(0, context));
  const steps = 32;
  const ms = fastest(5, () => {
    sequence.length = context;
    for (let i = 0; i < steps; i++) logitsOf(model, forward(model, sequence, [tokens[i]]));
  });
  process.stdout.write(`decode after ${String(context).padStart(4)} tokens  ${(ms / steps).toFixed(2)} ms/token\n`);
}
