/*
 * Runs the Prisma CLI offline from the repository root: `node packages/journal/scripts/prisma.mjs migrate diff …`. Only
 * `generate` needs no engine at all; for the rest the WASM stand-in answers. A schema engine named by the caller wins.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../../..', import.meta.url));
const require = createRequire(import.meta.url);

/** Runs the CLI and answers its exit status. `quiet`: its output is returned instead of shown. */
export function prisma(args, { env = {}, quiet = false } = {}) {
  // generate only wants some file to exist there; it never starts it
  const engine = args[0] === 'generate' ? process.execPath : `${here}schema-engine.mjs`;
  const child = spawnSync(process.execPath, [require.resolve('prisma/build/index.js'), ...args], {
    cwd: root,
    stdio: quiet ? 'pipe' : 'inherit',
    encoding: 'utf8',
    env: {
      PRISMA_SCHEMA_ENGINE_BINARY: engine,
      ...process.env,
      CHECKPOINT_DISABLE: '1',
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
      ...env,
    },
  });
  if (child.error) throw child.error;
  return { status: child.status ?? 1, output: `${child.stdout ?? ''}${child.stderr ?? ''}` };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(prisma(process.argv.slice(2)).status);
