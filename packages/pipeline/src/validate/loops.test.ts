import { describe, expect, it } from 'vitest';
import type { Node } from '../document.ts';
import { drawn, node } from '../testing/graphs.ts';
import { validate } from './validate.ts';

const problems = (nodes: readonly (string | Node)[], edges: readonly string[]) => validate(drawn(nodes, edges));
const loop = (id: string) => node(id, 'loop', { config: { items: [1, 2] } });
const transform = (id: string, expression: string) => node(id, 'transform', { config: { expression } });

describe('loops', () => {
  it('may stand in loops, and their steps see the items and outputs around them', () => {
    const nodes = [
      't',
      transform('before', '1'),
      loop('outer'),
      loop('inner'),
      transform('cell', 'item + index + loops.outer.index + steps.before.output'),
      transform('after', 'steps.outer.output.items'),
    ];
    const edges = ['t>before', 'before>outer', 'outer.item>inner', 'inner.item>cell', 'outer.done>after'];
    expect(problems(nodes, edges)).toEqual([]);
  });

  it('are closed: no step is inside and outside at once', () => {
    const found = problems(['t', loop('each'), transform('a', '1')], ['t>each', 'each.item>a', 't>a']);
    expect(found).toEqual([
      expect.objectContaining({
        code: 'mixed_scope',
        node: 'a',
        message: '"a" is inside the loop "each" by its edge from "each", and not inside it by that from "t".',
      }),
    ]);
    const both = problems(['t', loop('each'), transform('a', '1')], ['t>each', 'each.item>a', 'each.done>a']);
    expect(both.map(({ code }) => code)).toEqual(['mixed_scope']);
  });

  it('hide what runs once per item from what comes after', () => {
    const found = problems(
      ['t', loop('each'), transform('a', 'item'), transform('after', 'steps.a.output')],
      ['t>each', 'each.item>a', 'each.done>after'],
    );
    expect(found).toEqual([
      expect.objectContaining({
        code: 'reference_into_loop',
        node: 'after',
        hint: expect.stringContaining('steps.each.output.items'),
      }),
    ]);
  });

  it('alone have items, and an empty one is told', () => {
    expect(problems(['t', transform('a', 'item')], ['t>a'])).toEqual([
      expect.objectContaining({ code: 'unknown_name', node: 'a', message: '"item" exists only inside a loop.' }),
    ]);
    expect(problems(['t', loop('each')], ['t>each'])).toEqual([
      expect.objectContaining({ code: 'empty_loop', severity: 'warning', node: 'each' }),
    ]);
  });
});

describe('a quorum', () => {
  const meet = (config: Node['config']) =>
    problems(
      ['t', transform('a', '1'), transform('b', '2'), node('meet', 'join', { config })],
      ['t>a', 't>b', 'a>meet', 'b>meet'],
    );

  it('says how many, and no more than can arrive', () => {
    expect(meet({ mode: 'quorum', count: 2 })).toEqual([]);
    expect(meet({ mode: 'quorum' })).toEqual([expect.objectContaining({ code: 'quorum_without_count', node: 'meet' })]);
    expect(meet({ mode: 'quorum', count: 3 })).toEqual([
      expect.objectContaining({ code: 'quorum_too_large', node: 'meet' }),
    ]);
  });
});
