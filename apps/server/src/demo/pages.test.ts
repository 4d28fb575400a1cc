import { describe, expect, it } from 'vitest';
import { MAX_LINKS, type PageName, pagesOf } from './pages.ts';

function walk(port: number, links: number, seed: number) {
  const { page, thing } = pagesOf(port).start(links, seed);
  const seen: PageName[] = [page];
  for (;;) {
    const found = pagesOf(port).read(seen.at(-1)!);
    if (found === null) throw new Error('a page is missing');
    if (found.kind === 'last') return { seen, thing, found };
    seen.push(found.next);
  }
}

describe('demo pages', () => {
  it.each([1, 2, 4, 8, 9, 40, 64, 65, 300, MAX_LINKS])('has chains of %i pages that end with their thing', (links) => {
    const { seen, thing, found } = walk(7070, links, links * 7);
    expect(seen).toHaveLength(links);
    expect(new Set(seen.map(({ word, number }) => `${word}/${number}`)).size).toBe(links);
    expect(found.thing).toBe(thing);
    expect(found.code).toMatch(/^[A-Z]{4,7}$/);
  });

  it('uses numbers that are hard to confuse with the port and with 127', () => {
    for (const { number } of walk(7070, 300, 1).seen) {
      expect(new Set(String(number)).size).toBe(3);
      expect(String(number)).not.toMatch(/70|07|12|27/);
    }
  });

  it('differs by seed, and not by anything else', () => {
    const starts = Array.from({ length: 60 }, (_, seed) => JSON.stringify(pagesOf(7070).start(3, seed)));
    expect(new Set(starts).size).toBeGreaterThan(50);
    expect(JSON.stringify(pagesOf(7070).start(3, 5))).toBe(starts[5]);
  });

  it('knows what it does not have', () => {
    expect(pagesOf(7070).read({ word: 'nothing', number: 345 })).toBeNull();
    expect(pagesOf(7070).read({ word: 'otter', number: 707 })).toBeNull();
    expect(() => pagesOf(7070).start(MAX_LINKS + 1, 1)).toThrow(RangeError);
    expect(() => pagesOf(7070).start(0, 1)).toThrow(RangeError);
  });
});
