import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/* `npm run bench -- NAME [--quick]`: JSON lines on stdout, progress on stderr; fails when the work done was wrong. */

const [name = '', ...rest] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const PARTS = ['main', 'figure', 'peers'];
const benches = readdirSync(here)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3))
  .filter((bench) => !PARTS.includes(bench));
if (!benches.includes(name)) {
  process.stderr.write(`no bench "${name}"; there are: ${benches.join(', ')}\n`);
  process.exit(2);
}
const { run } = (await import(join(here, `${name}.ts`))) as { run: (args: readonly string[]) => Promise<boolean> };
process.exitCode = (await run(rest)) ? 0 : 1;
