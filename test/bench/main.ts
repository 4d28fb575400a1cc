import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/* `npm run bench -- NAME [--quick]`: JSON lines on stdout, progress on stderr; fails when the work done was wrong. */

const [name = '', ...rest] = process.argv.slice(2);
const file = join(dirname(fileURLToPath(import.meta.url)), `${name}.ts`);
if (!/^[a-z0-9]+$/.test(name) || name === 'main' || name === 'figure' || !existsSync(file)) {
  process.stderr.write(`no bench "${name}"; there are: chain\n`);
  process.exit(2);
}
const { run } = (await import(file)) as { run: (args: readonly string[]) => Promise<boolean> };
process.exitCode = (await run(rest)) ? 0 : 1;
