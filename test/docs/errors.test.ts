import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, readSources } from '../gates/source.ts';

/** Where the code makes an error: a class of ours, a problem of a document, or a failure written out. */
const MADE =
  /(?:new \w*(?:Error|Failure)\(\s*(?:\d{3},\s*)?|errorProblem\(\s*|\bwarning\(\s*|\bcode(?:: | = )|\bfail\(\s*)'([a-z][a-z0-9_]+)'/g;

const isOurs = (path: string): boolean =>
  /^(packages|apps|engine\/host)\//.test(path) && !/\/(testing|scripts)\/|\/scripted\//.test(path);

describe('docs/errors.md', () => {
  const page = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8');
  const told = [...page.matchAll(/^\| `([a-z0-9_]+)` +\|/gm)].map(([, code]) => code);
  const sources = readSources().filter((source) => !source.isTest && isOurs(source.path));
  const made = new Set(sources.flatMap(({ text }) => [...text.matchAll(MADE)].map(([, code]) => code)));

  it('tells of each error code once, and of none that does not exist', () => {
    expect(made.size).toBeGreaterThan(100);
    expect([...made].filter((code) => !told.includes(code)).sort()).toEqual([]);
    expect(told.filter((code) => !made.has(code))).toEqual([]);
    expect(told.filter((code, i) => told.indexOf(code) !== i)).toEqual([]);
  });
});
