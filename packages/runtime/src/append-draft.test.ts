import {
  compileGraph,
  emptyRun,
  foldNew,
  foldRun,
  type Graph,
  isOver,
  isSettled,
  type JournalEvent,
  type NewEvent,
  nodeOfStep,
  PipelineDocument,
  planStart,
  type RunEvent,
  type RunState,
  validate,
} from '@switchyard/pipeline';
import { describe, expect, it } from 'vitest';
import { seeded } from '../../pipeline/src/testing/graphs.ts';
import { planAppend } from './advance-run.ts';
import type { PlannedAppend } from './append-draft.ts';
import { ValueReader } from './values.ts';

/*
 * Random graphs with loops in loops, joins of all modes, failures and every policy for them, their steps ending in random
 * order: whatever the order, the run ends, no step is opened twice, nothing is left open, and the fold is a function.
 */

const AT = '2026-11-25T00:00:00.000Z';

type Place = { readonly node: string; readonly port: string };

/** A graph being drawn at random. */
class Sketch {
  readonly nodes: Record<string, unknown>[] = [{ id: 'start', type: 'trigger.manual' }];
  readonly edges: Record<string, unknown>[] = [];
  readonly #random: () => number;
  /** Joins wait for all and failures are gone over: what happens does not hang on the order. */
  readonly #gentle: boolean;

  constructor(random: () => number, gentle: boolean) {
    this.#random = random;
    this.#gentle = gentle;
  }

  /** A piece behind `from`: a step, branches that join, or a loop; answers where it ends. */
  grow(from: Place, depth: number): Place {
    const choice = this.#random();
    if (depth > 0 && choice < 0.35) return this.#loop(from, depth - 1);
    if (depth > 0 && choice < 0.65) return this.#branches(from, depth - 1);
    const pure = this.#random() < 0.3;
    const config = pure ? { expression: '1' } : { code: 'return 1;' };
    const id = this.#add({ type: pure ? 'transform' : 'code', config, onError: this.#policy() });
    return this.#connect(from, id, 'out');
  }

  #loop(from: Place, depth: number): Place {
    const items = Array.from({ length: Math.floor(this.#random() * 4) }, (_, i) => i);
    const onItemError = this.#policy();
    const config = { items, concurrency: 1 + Math.floor(this.#random() * 3), onItemError };
    const id = this.#add({ type: 'loop', config, onError: this.#policy() });
    let inner: Place = { node: id, port: 'item' };
    for (let i = 0; i < 1 + this.#random() * 2; i++) inner = this.grow(inner, depth);
    return this.#connect(from, id, 'done');
  }

  #branches(from: Place, depth: number): Place {
    const ends = Array.from({ length: 2 + Math.floor(this.#random() * 2) }, () => this.grow(from, depth));
    const mode = this.#gentle ? 'all' : this.#one(['all', 'any', 'first', 'quorum']);
    const id = this.#add({
      type: 'join',
      config: mode === 'quorum' ? { mode, count: 2 } : { mode },
      onError: 'continue',
    });
    for (const end of ends) this.#connect(end, id, 'out');
    return { node: id, port: 'out' };
  }

  #policy(): 'fail' | 'continue' {
    return this.#gentle ? 'continue' : this.#one(['continue', 'fail']);
  }

  #one<T>(of: readonly [T, ...T[]]): T {
    return of[Math.floor(this.#random() * of.length)] ?? of[0];
  }

  #add(node: Record<string, unknown>): string {
    const id = `${String(node.type)}${this.nodes.length}`;
    this.nodes.push({ id, ...node });
    return id;
  }

  #connect(from: Place, node: string, port: string): Place {
    this.edges.push({ id: `e${this.edges.length}`, from, to: { node, port: 'in' } });
    return { node, port };
  }
}

function randomGraph(random: () => number, gentle = false): Graph {
  const sketch = new Sketch(random, gentle);
  let at: Place = { node: 'start', port: 'out' };
  for (let i = 0; i < 1 + random() * 3; i++) at = sketch.grow(at, 2);
  const document = PipelineDocument.parse({ nodes: sketch.nodes, edges: sketch.edges });
  expect(validate(document).filter((problem) => problem.severity === 'error')).toEqual([]);
  return compileGraph(document);
}

type Told = {
  state: RunState;
  readonly events: JournalEvent[];
  readonly opened: Set<string>;
  readonly open: Set<string>;
  /** Events that the journal had to look at for the outputs of loops. */
  looked: number;
};

const started: Parameters<typeof planStart>[1] = {
  kind: 'run.started',
  data: {
    trigger: { node: 'start', kind: 'manual' },
    input: { inline: null },
    revision: { id: 'r', number: 1, hash: 'h' },
  },
};

function write(told: Told, events: readonly NewEvent[], planned: PlannedAppend | null): void {
  for (const event of events) {
    const seq = told.state.seq + 1;
    const epoch = event.kind === 'step.started' ? 1 : null;
    const one: JournalEvent = { ...event, runId: 'run', seq, epoch, n: 0, at: AT };
    told.events.push(one);
    told.state = foldRun(told.state, [one as RunEvent]);
  }
  for (const { stepKey } of planned?.open ?? []) {
    expect(told.opened.has(stepKey), `${stepKey} opened twice`).toBe(false);
    told.opened.add(stepKey);
    told.open.add(stepKey);
  }
  for (const key of told.open) {
    const step = told.state.steps.get(key);
    if (step !== undefined && isSettled(step)) told.open.delete(key);
  }
}

const live = (told: Told) =>
  [...told.open].map((stepKey) => ({
    stepKey,
    epoch: told.state.steps.get(stepKey) === undefined ? 0 : 1,
    held: told.state.steps.get(stepKey)?.state === 'running',
  }));

/** How a step in hand ends: asked to stop it is cancelled, else it fails now and then. */
function endOf(graph: Graph, key: string, stopped: boolean, random: () => number): NewEvent {
  if (stopped && random() < 0.7) return { stepKey: key, kind: 'step.cancelled', data: {} };
  if (random() < 0.85)
    return { stepKey: key, kind: 'step.succeeded', data: { output: { inline: key }, ports: ['out'] } };
  const continues = graph.nodes.get(nodeOfStep(key))?.node.onError === 'fail' ? {} : { continues: true };
  return { stepKey: key, kind: 'step.failed', data: { failure: { code: 'boom', message: key }, ...continues } };
}

type Play = {
  readonly seed: number;
  readonly graph: Graph;
  readonly fastPath: boolean;
  /** The chance with which a step ends one way or another; left out: that of the order. */
  readonly chanceOf?: (key: string) => () => number;
};

async function play({ seed, graph, fastPath, chanceOf }: Play): Promise<Told> {
  const random = seeded(seed);
  const told: Told = { state: emptyRun(), events: [], opened: new Set(), open: new Set(), looked: 0 };
  const stopped = new Set<string>();
  const start = planStart(graph, started);
  write(told, [{ ...started, stepKey: null }, ...start.events], null);
  for (const { key } of start.open) {
    told.opened.add(key);
    told.open.add(key);
  }
  const planning = {
    values: new ValueReader({ blob: async () => null }),
    journal: {
      events: async (_run: string, { after, stepKey }: { after: number; stepKey?: string }) => {
        const later = told.events.slice(after);
        told.looked += later.length;
        return later.filter((event) => event.stepKey === stepKey);
      },
    },
    runId: 'run',
    fastPath,
    worker: 1,
    at: AT,
  };
  for (let turns = 0; !isOver(told.state); turns++) {
    const keys = [...told.open];
    const key = keys[Math.floor(random() * keys.length)];
    if (key === undefined || turns > 5_000) throw new Error(`seed ${seed}: nothing to do and no end`);
    const node = graph.nodes.get(nodeOfStep(key))?.node;
    const begun = told.state.steps.get(key) !== undefined;
    // a pure step begins and ends in one append
    if (!begun && node?.type === 'code' && random() < 0.5) {
      write(told, [{ stepKey: key, kind: 'step.started', data: { attempt: 1, crashes: 0, worker: 1 } }], null);
      continue;
    }
    const own: { events: NewEvent[]; next: { settled: string } | { loop: string } } =
      node?.type === 'loop'
        ? loopBegins(key, node)
        : { events: [endOf(graph, key, stopped.has(key), chanceOf?.(key) ?? random)], next: { settled: key } };
    told.open.delete(key);
    const planned = await planAppend(graph, told.state, own, { ...planning, live: live(told) });
    for (const touched of planned.touch) stopped.add(touched.stepKey);
    write(told, planned.events, planned);
  }
  return told;
}

function loopBegins(
  key: string,
  node: { config: Record<string, unknown> },
): { events: NewEvent[]; next: { loop: string } } {
  const items = node.config.items as number[];
  const data = {
    items: { inline: items },
    count: items.length,
    concurrency: node.config.concurrency as number,
    onItemError: node.config.onItemError as 'fail',
  };
  const begun: NewEvent = { stepKey: key, kind: 'step.started', data: { attempt: 1, crashes: 0, worker: 1 } };
  return { events: [begun, { stepKey: key, kind: 'loop.started', data }], next: { loop: key } };
}

describe('random graphs of loops and joins', () => {
  it.each([true, false])(
    'end, whatever the order, with the fast path %s',
    async (fastPath) => {
      let steps = 0;
      const ends = new Set<string>();
      for (let seed = 1; seed <= 600; seed++) {
        const graph = randomGraph(seeded(seed * 7919));
        for (const order of [1, 2]) {
          const told = await play({ seed: seed * 31 + order, graph, fastPath });
          ends.add(told.state.state);
          steps += told.opened.size;
          expect(told.open.size, `seed ${seed}: left open`).toBe(0);
          const unfinished = told.state.steps.values().filter((step) => !isSettled(step));
          expect(
            unfinished.map(({ key }) => key),
            `seed ${seed}`,
          ).toEqual([]);
          expect(told.state.loops).toEqual([]);
        }
      }
      expect([...ends].sort()).toEqual(['failed', 'succeeded']);
      expect(steps).toBeGreaterThan(3_000);
    },
    60_000,
  );

  it('I3 folding a journal in two parts is folding it at once, at every cut', async () => {
    let cuts = 0;
    for (let seed = 1; seed <= 25; seed++) {
      const { events, state } = await play({ seed, graph: randomGraph(seeded(seed * 104729)), fastPath: true });
      const whole = JSON.stringify(foldRun(emptyRun(), events));
      expect(JSON.stringify(state)).toBe(whole);
      for (let cut = 0; cut <= events.length; cut++) {
        const prefix = foldRun(emptyRun(), events.slice(0, cut));
        expect(JSON.stringify(foldRun(prefix, events.slice(cut)))).toBe(whole);
        cuts++;
      }
    }
    expect(cuts).toBeGreaterThan(500);
  }, 60_000);

  it('settle the same steps the same way in any order, with the fast path on and off', async () => {
    /** Every step's end, and every iteration's. */
    const fates = (told: Told): readonly string[] =>
      told.events
        .filter(({ kind }) => /^(step\.(succeeded|failed|skipped|cancelled)|iteration\.finished|run\..*)$/.test(kind))
        .map((event) => {
          const failed = event.kind === 'iteration.finished' && event.data.failure !== undefined;
          const index = event.kind === 'iteration.finished' ? `[${event.data.index}] failed: ${failed}` : '';
          return `${event.kind} ${event.stepKey}${index}`;
        })
        .sort();
    let failures = 0;
    let iterations = 0;
    for (let seed = 1; seed <= 150; seed++) {
      const graph = randomGraph(seeded(seed * 15485863), true);
      // pure steps succeed here, as they do when they ride
      const chanceOf = (key: string) =>
        nodeOfStep(key).startsWith('code')
          ? seeded([...key].reduce((sum, sign) => sum * 31 + sign.charCodeAt(0), seed))
          : () => 0;
      const first = fates(await play({ seed, graph, fastPath: true, chanceOf }));
      for (const [order, fastPath] of [true, false, false].entries())
        expect(fates(await play({ seed: seed + order * 997 + 1, graph, fastPath, chanceOf })), `seed ${seed}`).toEqual(
          first,
        );
      failures += first.filter((fate) => fate.startsWith('step.failed')).length;
      iterations += first.filter((fate) => fate.startsWith('iteration.finished')).length;
    }
    expect(failures).toBeGreaterThan(100);
    expect(iterations).toBeGreaterThan(300);
  }, 60_000);

  it.each([true, false])(
    'loops in a loop read each event a few times, however many there are (fast path %s)',
    async (fastPath) => {
      const looked = async (count: number) => {
        const items = (n: number) => Array.from({ length: n }, (_, i) => i);
        const sketch = new Sketch(seeded(1), true);
        sketch.nodes.push(
          { id: 'outer', type: 'loop', config: { items: items(count), concurrency: 1, onItemError: 'fail' } },
          { id: 'inner', type: 'loop', config: { items: items(4), concurrency: 1, onItemError: 'fail' } },
          { id: 'code', type: 'code', config: { code: 'return 1;' } },
        );
        const path = ['start.out', 'outer.item', 'inner.item', 'code'];
        const edges = path.slice(1).map((to, i) => {
          const [node, port] = path[i]?.split('.') ?? [];
          return { id: `e${i}`, from: { node, port }, to: { node: to.split('.')[0], port: 'in' } };
        });
        const graph = compileGraph(PipelineDocument.parse({ nodes: sketch.nodes, edges }));
        const told = await play({ seed: count, graph, fastPath, chanceOf: () => () => 0 });
        expect(told.state.steps.get('outer')?.loop).toMatchObject({ finished: count, failed: 0 });
        return told.looked / told.events.length;
      };
      const small = await looked(20);
      expect(small).toBeGreaterThan(0.5);
      expect(await looked(160)).toBeLessThan(2 * small);
    },
  );

  it('a state folded from its own new events is the state', () => {
    expect(foldNew(emptyRun(), [{ ...started, stepKey: null }], AT).state).toBe('running');
  });
});
