import { nodeTypeCatalogue, PipelineDocument, outputPorts as portsByPipeline } from '@switchyard/pipeline';
import { describe, expect, it } from 'vitest';
import { layout } from '../canvas/tidy.ts';
import type { JsonSchema } from '../form/schema.ts';
import { copyText, paste } from './clipboard.ts';
import { addNode, connect, insertOnEdge, moveTo, remove, sameDocument } from './edits.ts';
import { nodeId } from './ids.ts';
import { catalogueOf } from './node-types.ts';
import { connectionProblem, inputPorts, outputPorts } from './ports.ts';

const catalogue = catalogueOf(
  nodeTypeCatalogue().nodeTypes.map((type) => ({ ...type, config: type.config as JsonSchema })),
);

/** A fixed sequence in place of chance. */
function sequence() {
  let seed = 1;
  return () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
}

const three = PipelineDocument.parse({
  nodes: [
    { id: 'start', type: 'trigger.manual', position: { x: 0, y: 0 } },
    { id: 'fetch', type: 'http', config: { url: 'https://a.example' }, position: { x: 320, y: 0 } },
    {
      id: 'show',
      type: 'respond',
      config: { body: '{{ steps.fetch.output }} {{ steps.other.output }}' },
      position: { x: 640, y: 0 },
    },
  ],
  edges: [
    { id: 'e1', from: { node: 'start', port: 'out' }, to: { node: 'fetch', port: 'in' } },
    { id: 'e2', from: { node: 'fetch', port: 'out' }, to: { node: 'show', port: 'in' } },
  ],
  notes: [{ id: 'n1', text: 'note', position: { x: 336, y: -96 } }],
});

describe('ports', () => {
  it('are those of the pipeline package, for every type, with its example, without config, and with an error port', () => {
    expect(catalogue.list.length).toBeGreaterThan(5);
    for (const type of catalogue.list) {
      for (const config of [type.example, {}]) {
        for (const onError of ['fail', 'port'] as const) {
          const node = { type: type.id, config, onError };
          expect(outputPorts(catalogue, node), type.id).toEqual(portsByPipeline(node));
        }
      }
    }
    const branch = {
      type: 'branch',
      config: {
        cases: [
          { port: 'a', when: 'true' },
          { port: 'b', when: 'true' },
        ],
      },
      onError: 'port' as const,
    };
    expect(outputPorts(catalogue, branch).map((port) => port.name)).toEqual(['a', 'b', 'else', 'error']);
    expect(inputPorts(catalogue, { type: 'trigger.manual' })).toEqual([]);
  });
});

describe('connectionProblem', () => {
  const problem = (from: string, to: string, port = 'out') =>
    connectionProblem(catalogue, three, { node: from, port }, { node: to, port: 'in' });

  it('refuses circles, repeats, triggers as targets and ports that are not there', () => {
    expect(problem('start', 'show')).toBeNull();
    expect(problem('show', 'fetch')).toMatch(/circle/);
    expect(problem('fetch', 'fetch')).toMatch(/circle/);
    expect(problem('start', 'fetch')).toMatch(/already/);
    expect(problem('fetch', 'start')).toMatch(/trigger/);
    expect(problem('fetch', 'show', 'error')).toMatch(/no output/);
  });
});

describe('edits', () => {
  it('takes the edges of a removed node with it and touches nothing else', () => {
    const after = remove(three, new Set(['fetch']));
    expect(after.nodes.map((node) => node.id)).toEqual(['start', 'show']);
    expect(after.edges).toEqual([]);
    expect(after.nodes[0]).toBe(three.nodes[0]);
  });

  it('moves on the grid, keeps what stays, and is no edit when nothing moved', () => {
    const after = moveTo(three, new Map([['fetch', { x: 333, y: 9 }]]));
    expect(after.nodes[1]?.position).toEqual({ x: 336, y: 16 });
    expect(after.nodes[0]).toBe(three.nodes[0]);
    expect(moveTo(three, new Map([['fetch', { x: 322, y: 3 }]]))).toBe(three);
  });

  it('puts a node into an edge', () => {
    const { document, id } = addNode(three, { type: 'code', title: 'Code', config: {}, position: { x: 0, y: 0 } });
    const [, edge] = document.edges;
    if (edge === undefined) throw new Error('no edge');
    const after = insertOnEdge(document, edge, { node: id, input: 'in', output: 'out' }, sequence());
    expect(after.edges.map((one) => `${one.from.node}>${one.to.node}`)).toEqual([
      'start>fetch',
      'fetch>code',
      'code>show',
    ]);
    expect(PipelineDocument.safeParse(after).success).toBe(true);
  });

  it('names nodes readably and never twice', () => {
    expect(nodeId('HTTP request', new Set())).toBe('http_request');
    expect(nodeId('HTTP request', new Set(['http_request', 'http_request_2']))).toBe('http_request_3');
    expect(nodeId('42 — ', new Set())).toBe('step');
  });

  it('compares documents by content', () => {
    expect(sameDocument(three, structuredClone(three))).toBe(true);
    expect(
      sameDocument(three, connect(three, { node: 'start', port: 'out' }, { node: 'show', port: 'in' }, sequence())),
    ).toBe(false);
  });
});

describe('clipboard', () => {
  it('pastes with new ids, at the point, edges among the copied only, references following', () => {
    const text = copyText(three, new Set(['fetch', 'show', 'n1']));
    const { document, ids } = paste(three, PipelineDocument.parse(JSON.parse(text)), { x: 100, y: 100 }, sequence());
    expect(ids.slice(0, 2)).toEqual(['fetch_2', 'show_2']);
    expect(document.nodes).toHaveLength(5);
    expect(document.edges.slice(2).map((edge) => `${edge.from.node}>${edge.to.node}`)).toEqual(['fetch_2>show_2']);
    expect(document.nodes[4]?.config.body).toBe('{{ steps.fetch_2.output }} {{ steps.other.output }}');
    expect(document.nodes[3]?.position).toEqual({ x: 96, y: 192 });
    expect(PipelineDocument.safeParse(document).success).toBe(true);
  });
});

describe('tidy', () => {
  it('lays out left to right on the grid and lets notes keep their distance', () => {
    const places = layout(catalogue, three);
    const [start, fetch, show] = ['start', 'fetch', 'show'].map((id) => places.get(id));
    if (start === undefined || fetch === undefined || show === undefined) throw new Error('unplaced');
    expect(start.x < fetch.x && fetch.x < show.x).toBe(true);
    for (const { x, y } of places.values()) expect([x % 16, y % 16].map(Math.abs)).toEqual([0, 0]);
    expect(places.get('n1')).toEqual({ x: fetch.x + 16, y: fetch.y - 96 });
  });
});
