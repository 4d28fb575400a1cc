import { describe, expect, it } from 'vitest';
import { checkArrows, checkCycles } from './arrows.ts';
import { checkFileSizes, checkFunctionSizes } from './budgets.ts';
import { checkBarredGlobals, checkEnvironment } from './outside-world.ts';
import { parseSource, type Report, readSources, type Source } from './source.ts';
import { checkDocComments, checkNoAny } from './words.ts';

/* Each gate is shown a file that breaks its rule beside the real ones: a gate that cannot be red proves nothing. */

const real = readSources().filter(({ path }) => path.startsWith('packages/')); // enough, and quick

/** Problems that the intruders add to those of the real sources. */
function addedBy(
  check: (sources: readonly Source[]) => Report,
  intruders: Readonly<Record<string, string>>,
): readonly string[] {
  const added = Object.entries(intruders).map(([path, text]) => parseSource(path, text));
  const before = new Set(check(real).problems);
  return check([...real, ...added]).problems.filter((problem) => !before.has(problem));
}

describe('the gates', () => {
  it.each([
    ['a static import', "import { a } from '@switchyard/journal';"],
    ['a dynamic import', "const a = await import('@switchyard/journal');"],
    ['a type import', "type A = import('@switchyard/journal').Journal;"],
    ['a path into another room', "import { a } from '../../journal/src/index.ts';"],
    ['a library of another room', "import pg from 'pg';"],
  ])('arrows: %s in pipeline', (_name, text) => {
    expect(addedBy(checkArrows, { 'packages/pipeline/src/intruder.ts': text })).toHaveLength(1);
  });

  it('arrows: the wire of the engine is of types only', () => {
    const file = 'packages/agent/src/intruder.ts';
    expect(addedBy(checkArrows, { [file]: "import type { A } from '@switchyard/engine/wire';" })).toEqual([]);
    expect(addedBy(checkArrows, { [file]: "import { A } from '@switchyard/engine/wire';" })).toHaveLength(1);
  });

  it('cycles: through types and through dynamic imports', () => {
    const ring = {
      'packages/agent/src/one.ts': "import type { a } from './two.ts';",
      'packages/agent/src/two.ts': "const a = await import('./one.ts');",
    };
    expect(addedBy(checkCycles, ring)).toEqual([expect.stringContaining('packages/agent/src/two.ts')]);
  });

  it('environment: read elsewhere, and a variable nobody documented', () => {
    expect(addedBy(checkEnvironment, { 'packages/agent/src/intruder.ts': 'const a = process.env.HOME;' })).toHaveLength(
      1,
    );
    const config = { 'packages/agent/src/config.ts': "const a = 'SWITCHYARD_SURPRISE';" };
    expect(addedBy(checkEnvironment, config)).toEqual(["SWITCHYARD_SURPRISE is not in the README's table"]);
  });

  it.each(['Date.now()', 'Math.random()', 'new Date()', "fetch('x')", 'setTimeout(() => {}, 1)'])(
    'globals: %s',
    (code) => {
      expect(addedBy(checkBarredGlobals, { 'packages/agent/src/intruder.ts': code })).toHaveLength(1);
      expect(addedBy(checkBarredGlobals, { 'packages/agent/src/system.ts': code })).toEqual([]);
    },
  );

  it('sizes: a long file and a long function', () => {
    const lines = (count: number): string => 'f();\n'.repeat(count);
    expect(addedBy(checkFileSizes, { 'packages/agent/src/long.ts': lines(401) })).toHaveLength(1);
    expect(addedBy(checkFileSizes, { 'packages/agent/src/long.ts': `/*\n${lines(401)}*/\n${lines(399)}` })).toEqual([]);
    expect(addedBy(checkFunctionSizes, { 'packages/agent/src/long.ts': `function g() {\n${lines(80)}}` })).toHaveLength(
      1,
    );
  });

  it('doc comments and any', () => {
    expect(addedBy(checkDocComments, { 'packages/agent/src/intruder.ts': '// no\nexport const a = 1;' })).toHaveLength(
      1,
    );
    expect(addedBy(checkDocComments, { 'packages/agent/src/intruder.ts': '/** Yes. */\nexport const a = 1;' })).toEqual(
      [],
    );
    expect(addedBy(checkNoAny, { 'packages/agent/src/intruder.ts': 'const a: any = 1;' })).toHaveLength(1);
  });
});
