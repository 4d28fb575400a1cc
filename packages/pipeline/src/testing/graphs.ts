import type { Edge, Node, PipelineDocument } from '../document.ts';
import type { EventBody, NewEvent } from '../event.ts';
import { emptyRun, foldNew, type RunState } from '../fold.ts';

/** A small generator of numbers in [0, 1) from a seed (mulberry32), so that a failing case can be named. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A node of a test graph. */
export const node = (id: string, type = 'code', more: Partial<Node> = {}): Node => ({
  id,
  type,
  config: {},
  position: { x: 0, y: 0 },
  onError: 'fail',
  ...more,
});

/** An edge written as `from.port>to`; the port is `out` when left out. */
function edge(text: string): Edge {
  const [source = '', target = ''] = text.split('>');
  const [from = '', port = 'out'] = source.split('.');
  return {
    id: `e_${text.replaceAll(/[^a-zA-Z0-9]/g, '_')}`,
    from: { node: from, port },
    to: { node: target, port: 'in' },
  };
}

/** A document of nodes and edges; text nodes are `code`, `t` is a manual trigger. */
export function drawn(nodes: readonly (string | Node)[], edges: readonly string[]): PipelineDocument {
  return {
    format: 1,
    nodes: nodes.map((one) => (typeof one === 'string' ? node(one, one === 't' ? 'trigger.manual' : 'code') : one)),
    edges: edges.map(edge),
    notes: [],
  };
}

/** `run.started` from a trigger. */
export const startedBy = (trigger: string): Extract<EventBody, { kind: 'run.started' }> => ({
  kind: 'run.started',
  data: {
    trigger: { node: trigger, kind: 'manual' },
    input: { inline: { a: 1 } },
    revision: { id: 'rev', number: 1, hash: 'h' },
  },
});

/** Events of one step. */
export const step = {
  started: (stepKey: string): NewEvent => ({
    stepKey,
    kind: 'step.started',
    data: { attempt: 1, crashes: 0, worker: 1 },
  }),
  succeeded: (stepKey: string, ports: readonly string[] = ['out'], output: string = stepKey): NewEvent => ({
    stepKey,
    kind: 'step.succeeded',
    data: { output: { inline: output }, ports: [...ports] },
  }),
  failed: (stepKey: string): NewEvent => ({
    stepKey,
    kind: 'step.failed',
    data: { failure: { code: 'boom', message: `${stepKey} broke` } },
  }),
  skipped: (stepKey: string): NewEvent => ({ stepKey, kind: 'step.skipped', data: {} }),
  cancelled: (stepKey: string): NewEvent => ({ stepKey, kind: 'step.cancelled', data: {} }),
};

/** A run begun at `t`, after more events. */
export const runAfter = (...events: readonly NewEvent[]): RunState =>
  foldNew(emptyRun(), [{ ...startedBy('t'), stepKey: null }, ...events], '2026-11-25T00:00:00.000Z');
