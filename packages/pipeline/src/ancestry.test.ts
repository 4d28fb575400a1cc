import { describe, expect, it } from 'vitest';
import { ancestry } from './ancestry.ts';
import { compileGraph, upstreamOf } from './graph.ts';
import { drawn, seeded } from './testing/graphs.ts';

describe('who comes before whom', () => {
  it('is told the same by rows of bits and by searching, on random graphs; behind a cycle everything may', () => {
    const random = seeded(11);
    let asked = 0;
    for (let round = 0; round < 60; round++) {
      const ids = Array.from({ length: 40 }, (_, i) => `n${i}`);
      const pick = () => Math.floor(random() * ids.length);
      const edges = Array.from({ length: 60 }, () => [pick(), pick()].toSorted((a, b) => a - b)).filter(
        ([a, b]) => a !== b,
      );
      const graph = compileGraph(
        drawn(
          ids,
          edges.map(([a, b]) => `n${a}>n${b}`),
        ),
      );
      const comesBefore = ancestry(graph);
      for (const node of ids) {
        const upstream = upstreamOf(graph, node);
        expect(
          ids.filter((id) => comesBefore(id, node)),
          `round ${round}, ${node}`,
        ).toEqual(ids.filter((id) => upstream.has(id)));
        asked += upstream.size;
      }
    }
    const looped = ancestry(compileGraph(drawn(['a', 'b', 'c', 'd', 'e'], ['a>b', 'b>c', 'c>b', 'c>d'])));
    expect([looped('a', 'b'), looped('d', 'c'), looped('e', 'd'), looped('e', 'a')]).toEqual([true, true, true, false]);
    expect(asked).toBeGreaterThan(5_000);
  });
});
