import { describe, expect, it } from 'vitest';
import type { Edge, PipelineDocument } from './document.ts';
import { emptyRun, foldNew, type RunState } from './fold.ts';
import { compileGraph, type Graph } from './graph.ts';
import { plan } from './plan.ts';
import { planStart } from './plan-start.ts';
import { drawn, node, runAfter, seeded, startedBy, step } from './testing/graphs.ts';

const keys = (decision: { readonly open: readonly { readonly key: string }[] }) => decision.open.map((one) => one.key);

/** The rules written down a second time, slowly: every node's fate from scratch. */
function oracle(document: PipelineDocument, state: RunState): { readonly ready: string[]; readonly dead: string[] } {
  const dead = new Set<string>();
  const into = (id: string) =>
    document.edges.filter((one) => one.to.node === id).map((one) => naiveReach(document, state, dead, one.from));
  const unsettled = () =>
    document.nodes.map((one) => one.id).filter((id) => id !== 't' && !state.steps.has(id) && !dead.has(id));
  for (let size = -1; size < dead.size; ) {
    size = dead.size;
    for (const id of unsettled()) if (into(id).every((reach) => reach === 'dead')) dead.add(id);
  }
  const ready = unsettled().filter((id) => into(id).includes('arrived') && !into(id).includes('pending'));
  return { ready: ready.sort(), dead: [...dead].sort() };
}

function naiveReach(
  document: PipelineDocument,
  state: RunState,
  dead: ReadonlySet<string>,
  from: Edge['from'],
): 'arrived' | 'dead' | 'pending' {
  if (from.node === 't') return 'arrived';
  const at = state.steps.get(from.node);
  if (dead.has(from.node) || at?.state === 'skipped') return 'dead';
  if (at?.state === 'succeeded') return at.ports.includes(from.port) ? 'arrived' : 'dead';
  if (at?.state !== 'failed') return 'pending';
  const port = document.nodes.find((one) => one.id === from.node)?.onError === 'port' ? 'error' : 'out';
  return from.port === port ? 'arrived' : 'dead';
}

/** A graph without cycles: edges go from lower to higher numbers only. */
function randomDocument(random: () => number): PipelineDocument {
  const count = 3 + Math.floor(random() * 14);
  const nodes = [
    't',
    ...Array.from({ length: count }, (_, i) =>
      node(`n${i}`, 'code', { onError: random() < 0.5 ? 'port' : 'continue' }),
    ),
  ];
  const edges: string[] = [];
  for (let to = 0; to < count; to++) {
    if (random() < 0.4) edges.push(`t>n${to}`);
    for (let from = 0; from < to; from++)
      if (random() < 0.25) edges.push(`n${from}.${random() < 0.2 ? 'error' : 'out'}>n${to}`);
  }
  return drawn(nodes, [...new Set(edges)]);
}

/** Runs a graph, ending open steps in any order, and checks every decision. Returns how many steps ran. */
function runAgainstOracle(seed: number): number {
  const random = seeded(seed);
  const document = randomDocument(random);
  const graph: Graph = compileGraph(document);
  const start = planStart(graph, startedBy('t'));
  let state = foldNew(emptyRun(), [{ ...start.started, stepKey: null }, ...start.events], '');
  const waiting = keys(start);
  const openedEver = new Set(waiting);
  let ran = 0;
  for (let end = start.end; end === null; ) {
    const key = waiting.splice(Math.floor(random() * waiting.length), 1)[0];
    if (key === undefined) throw new Error(`seed ${seed}: nothing to do and no end`);
    ran++;
    state = foldNew(
      state,
      [step.started(key), random() < 0.3 ? step.failed(key) : step.succeeded(key, random() < 0.8 ? ['out'] : [])],
      '',
    );
    const expected = oracle(document, state);
    const decision = plan(graph, state, [key]);
    expect(decision.skip.toSorted(), `seed ${seed} after ${key}`).toEqual(expected.dead);
    expect([...waiting, ...keys(decision)].sort(), `seed ${seed} after ${key}`).toEqual(
      expected.ready.filter((id) => !state.steps.has(id)),
    );
    expect(
      keys(decision).filter((id) => openedEver.has(id)),
      `seed ${seed}: opened twice`,
    ).toEqual([]);
    for (const id of keys(decision)) openedEver.add(id);
    waiting.push(...keys(decision));
    state = foldNew(state, decision.skip.map(step.skipped), '');
    expect(keys(plan(graph, state)).sort(), `seed ${seed}: the whole graph`).toEqual(waiting.toSorted());
    end = decision.end;
  }
  expect(waiting, `seed ${seed}: ended with open steps`).toEqual([]);
  expect(state.settled).toBe(graph.stepCount);
  return ran;
}

describe('random graphs', () => {
  it('agree with the naive oracle at every step, open each step once, and end', () => {
    let ran = 0;
    for (let seed = 1; seed <= 400; seed++) ran += runAgainstOracle(seed);
    expect(ran).toBeGreaterThan(1_000);
  });
});

/** Counts how often the planner looks at an edge during a whole run, by edges that tell when they are read. */
function looksPerRun(document: PipelineDocument, order: readonly string[]): number {
  let looks = 0;
  const counted = document.edges.map((one) => ({
    ...one,
    get from() {
      looks++;
      return one.from;
    },
  }));
  const graph = compileGraph({ ...document, edges: counted });
  looks = 0;
  let state = runAfter();
  for (const key of order) {
    state = foldNew(state, [step.started(key), step.succeeded(key)], '');
    plan(graph, state, [key]);
  }
  return looks;
}

describe('cost', () => {
  const chain = (n: number) => {
    const ids = Array.from({ length: n }, (_, i) => `n${i}`);
    return { document: drawn(['t', ...ids], ['t>n0', ...ids.slice(1).map((id, i) => `n${i}>${id}`)]), ids };
  };
  const fan = (n: number) => {
    const ids = Array.from({ length: n }, (_, i) => `n${i}`);
    return {
      document: drawn(
        ['t', ...ids, 'join'],
        ids.flatMap((id) => [`t>${id}`, `${id}>join`]),
      ),
      ids,
    };
  };

  it('of a chain grows with its length', () => {
    const [small, large] = [chain(300), chain(4_800)];
    expect(looksPerRun(large.document, large.ids)).toBeLessThan(20 * looksPerRun(small.document, small.ids));
  });

  it('of a wide join grows with its width, whatever the order of arrival', () => {
    const random = seeded(7);
    for (const arrange of [
      (ids: readonly string[]) => ids,
      (ids: readonly string[]) => ids.toReversed(),
      (ids: readonly string[]) => ids.toSorted(() => random() - 0.5),
    ]) {
      const [small, large] = [fan(300), fan(4_800)];
      expect(looksPerRun(large.document, arrange(large.ids))).toBeLessThan(
        30 * looksPerRun(small.document, arrange(small.ids)),
      );
    }
  });
});
