import { tryMutants } from './try-mutants.ts';

/* `npm run test:mutants [PART OF A NAME]`: a line for each planted defect, with the invariant that showed it; exit status 1 when one was not seen. */

const [only = ''] = process.argv.slice(2);
const all = await tryMutants(only, ({ name, caught, by, what }) =>
  process.stdout.write(`${caught ? 'caught ' : 'MISSED '} ${by.join(',').padEnd(12)} ${name}: ${what.slice(0, 140)}\n`),
);
const missed = all.filter(({ caught }) => !caught);
process.stdout.write(`${JSON.stringify({ mutants: all.length, caught: all.length - missed.length })}\n`);
process.exitCode = missed.length === 0 ? 0 : 1;
