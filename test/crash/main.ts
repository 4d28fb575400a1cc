/* `npm run crash -- chain [--links 300] [--seed N]` or `matrix [--long] [--only TEXT]`: kills processes and checks what is left. */

const TESTS: Readonly<Record<string, () => Promise<{ run(args: readonly string[]): Promise<boolean> }>>> = {
  chain: () => import('./chain.ts'),
  matrix: () => import('./matrix.ts'),
};

const [name = '', ...rest] = process.argv.slice(2);
const load = TESTS[name];
if (load === undefined) {
  process.stderr.write('usage: npm run crash -- chain [--links 300] [--seed N] | matrix [--long] [--only TEXT]\n');
  process.exit(2);
}
process.exitCode = (await (await load()).run(rest)) ? 0 : 1;

export {};
