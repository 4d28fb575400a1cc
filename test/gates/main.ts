import { checkArrows, checkCycles } from './arrows.ts';
import { checkFileSizes, checkFunctionSizes } from './budgets.ts';
import { checkBarredGlobals, checkEnvironment } from './outside-world.ts';
import { type Report, readSources, type Source } from './source.ts';
import { checkDocComments, checkNoAny } from './words.ts';

/*
 * `npm run gate` runs all gates over the source, `npm run gate -- arrows cycles` some of them. One line each; the exit code says
 * whether all are green. A gate that looked at nothing is red.
 */

const GATES: Readonly<Record<string, (sources: readonly Source[]) => Report>> = {
  arrows: checkArrows,
  cycles: checkCycles,
  environment: checkEnvironment,
  globals: checkBarredGlobals,
  files: checkFileSizes,
  functions: checkFunctionSizes,
  docs: checkDocComments,
  any: checkNoAny,
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in GATES));
if (unknown.length > 0) {
  process.stderr.write(`no gate ${unknown.join(', ')}; there are: ${Object.keys(GATES).join(', ')}\n`);
  process.exit(2);
}

const sources = readSources();
let red = 0;
for (const [name, check] of Object.entries(GATES)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const { gate, looked, count, problems } = check(sources);
  const all = count === 0 ? ['it looked at nothing', ...problems] : problems;
  if (all.length > 0) red++;
  for (const problem of all) process.stdout.write(`  ${problem}\n`);
  process.stdout.write(
    `${all.length === 0 ? 'ok  ' : 'FAIL'} ${gate}: ${looked}${all.length === 0 ? '' : `, ${all.length} problem(s)`}\n`,
  );
}
process.exit(red === 0 ? 0 : 1);
