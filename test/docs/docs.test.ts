import { readFileSync } from 'node:fs';
import { nodeTypeCatalogue } from '@switchyard/pipeline';
import { expect, test } from 'vitest';
import { MADE_PARTS, withMade } from './tables.ts';

test.each(MADE_PARTS)('$path is up to date (npm run docs)', ({ path, make }) => {
  const text = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
  expect(text).toBe(withMade(text, make()));
});

test('every node type and function has its place', () => {
  const made = MADE_PARTS.map(({ make }) => make()).join('\n');
  const { nodeTypes, functions } = nodeTypeCatalogue();
  for (const { id } of nodeTypes) expect(made).toContain(`(\`${id}\`)`);
  for (const { usage } of functions) expect(made).toContain(`\`${usage}\``);
});

test('a guide without a place for its part is refused', () => {
  expect(() => withMade('# Nothing', 'x')).toThrow('npm run docs');
});
