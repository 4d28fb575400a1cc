/* `npm run crash -- chain [--links 300] [--seed N]`: kills processes of a running product and checks what is left. */

const [name = '', ...rest] = process.argv.slice(2);
if (name !== 'chain') {
  process.stderr.write('usage: npm run crash -- chain [--links 300] [--seed N]\n');
  process.exit(2);
}
const { run } = await import('./chain.ts');
process.exitCode = (await run(rest)) ? 0 : 1;

export {};
