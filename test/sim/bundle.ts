import { mkdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { ROOT } from '../gates/source.ts';

/*
 * The simulator as one file: the product's own sources bundled with it, so that it starts quickly in children, and so that a
 * mutant is a piece of source text exchanged on the way in. Libraries stay outside.
 */

/** One piece of source text exchanged for another. `file` is relative to the root; `find` stands there exactly once. */
export type Patch = { readonly file: string; readonly find: string; readonly replace: string };

const FOLDER = join(ROOT, 'test-results', 'sim');

const libraries: Plugin = {
  name: 'libraries stay outside',
  setup: ({ onResolve }) => {
    onResolve({ filter: /^[^./]/ }, ({ path }) => (path.startsWith('@switchyard/') ? undefined : { external: true }));
  },
};

function applied(text: string, { file, find, replace }: Patch): string {
  const parts = text.split(find);
  if (parts.length !== 2)
    throw new Error(`${file}: the text to exchange stands there ${parts.length - 1} times: ${find}`);
  return parts.join(replace);
}

const patching = (patches: readonly Patch[], used: Set<string>): Plugin => ({
  name: 'mutants',
  setup: ({ onLoad }) => {
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const own = patches.filter((patch) => patch.file === relative(ROOT, path).replaceAll('\\', '/'));
      if (own.length === 0) return undefined;
      for (const { file } of own) used.add(file);
      return { contents: own.reduce(applied, readFileSync(path, 'utf8')), loader: 'ts' };
    });
  },
});

/** Bundles the simulator; answers the file. Throws when a patch does not fit the sources. */
export async function bundleSimulator(name: string, patches: readonly Patch[] = []): Promise<string> {
  mkdirSync(FOLDER, { recursive: true });
  const outfile = join(FOLDER, `${name}.mjs`);
  const used = new Set<string>();
  await build({
    entryPoints: [join(ROOT, 'test/sim/child.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    outfile,
    sourcemap: 'inline',
    logLevel: 'error',
    absWorkingDir: ROOT,
    plugins: [patching(patches, used), libraries],
  });
  const idle = patches.find(({ file }) => !used.has(file));
  if (idle !== undefined) throw new Error(`${idle.file} is not part of the simulator`);
  return outfile;
}
