import { describe, expect, it } from 'vitest';
import { CHUNK, type Json, jsonRows } from './json-rows.ts';

const NOTHING = { flipped: new Set<string>(), shown: new Map<string, number>() };
const nested: Json = { a: { b: { c: { d: 1 } } }, list: [1, 2] };

describe('jsonRows', () => {
  it('is folded below the second level', () => {
    expect(jsonRows(nested, NOTHING).map((row) => `${row.depth}${row.kind}`)).toEqual([
      '0open',
      '1open',
      '2closed',
      '1end',
      '1open',
      '2leaf',
      '2leaf',
      '1end',
      '0end',
    ]);
  });

  it('opens and closes what was flipped', () => {
    const opened = jsonRows(nested, { ...NOTHING, flipped: new Set(['$.a.b']) });
    expect(opened.find((row) => row.path === '$.a.b.c')?.kind).toBe('closed');
    expect(jsonRows(nested, { ...NOTHING, flipped: new Set(['$']) })).toEqual([
      { kind: 'closed', path: '$', depth: 0, name: null, list: false, count: 2 },
    ]);
  });

  it('costs what is seen: a large list begins closed, and open it shows a chunk', () => {
    const large: Json = { items: Array.from({ length: 50_000 }, (_, index) => index) };
    expect(jsonRows(large, NOTHING)).toHaveLength(3);
    const rows = jsonRows(large, { ...NOTHING, flipped: new Set(['$.items']) });
    expect(rows).toHaveLength(CHUNK + 5);
    expect(rows.find((row) => row.kind === 'more')).toMatchObject({ hidden: 50_000 - CHUNK });
  });

  it('gives every row a path of its own', () => {
    const rows = jsonRows({ a: [{}, {}, { x: [] }], b: {} }, { ...NOTHING, flipped: new Set(['$.a.2']) });
    expect(new Set(rows.map((row) => `${row.kind}${row.path}`)).size).toBe(rows.length);
  });
});
