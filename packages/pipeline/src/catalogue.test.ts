import { describe, expect, it } from 'vitest';
import { documentJsonSchema, nodeTypeCatalogue } from './catalogue.ts';
import { PipelineDocument } from './document.ts';
import { NODE_TYPE_IDS } from './node-type.ts';
import { NODE_TYPES, nodeType, outputPorts } from './registry.ts';
import { validate } from './validate/validate.ts';

/** What an example may lack when its node is drawn alone: the steps it names, and other branches. */
const NEEDS_NEIGHBOURS = new Set<string>(['unknown_step', 'quorum_too_large']);

describe('the catalogue', () => {
  const { nodeTypes, functions } = nodeTypeCatalogue();

  it('is plain JSON with every node type', () => {
    expect(JSON.parse(JSON.stringify({ nodeTypes, functions }))).toEqual({ nodeTypes, functions });
    expect(nodeTypes.map((one) => one.id)).toEqual([...NODE_TYPE_IDS]);
  });

  it.each(Object.values(NODE_TYPES))('$id explains itself and each of its fields', (type) => {
    const entry = nodeTypes.find((one) => one.id === type.id);
    expect(entry?.help.length).toBeGreaterThan(40);
    const fields = Object.entries(entry?.config.properties ?? {});
    expect(fields).toHaveLength(Object.keys(type.config.shape).length);
    for (const [name, schema] of fields) {
      expect(schema, name).toMatchObject({
        title: expect.any(String),
        description: expect.any(String),
        widget: expect.any(String),
      });
      if (Object.hasOwn(schema, 'default')) expect(entry?.config.required ?? [], name).not.toContain(name);
    }
    expect(type.config.safeParse(type.example).success).toBe(true);
    expect(entry?.outputs.length).toBeGreaterThan(0);
    expect(entry?.inputs).toHaveLength(type.group === 'trigger' ? 0 : 1);
    const start = { id: 'start', type: 'trigger.manual' };
    const node = { id: 'it', type: type.id, config: type.example };
    const document = PipelineDocument.parse(
      type.group === 'trigger'
        ? { nodes: [node], edges: [] }
        : {
            nodes: [start, node],
            edges: [{ id: 'e', from: { node: 'start', port: 'out' }, to: { node: 'it', port: 'in' } }],
          },
    );
    const errors = validate(document).filter((problem) => problem.severity === 'error');
    expect(errors.filter(({ code }) => !NEEDS_NEIGHBOURS.has(code))).toEqual([]);
  });

  it('tells effects, so that nothing of consequence is repeated in silence', () => {
    const effects = Object.fromEntries(nodeTypes.filter((one) => !one.pure).map((one) => [one.id, one.effect]));
    expect(effects).toEqual({
      http: 'once',
      notify: 'once',
      postgres: 'once',
      search: 'none',
      code: 'none',
      agent: 'repeatable',
      llm: 'repeatable',
      extract: 'repeatable',
      wait: 'none',
      approval: 'none',
      pipeline: 'none',
    });
    expect(nodeTypes.filter((one) => one.pure && one.effect !== 'none')).toEqual([]);
    expect(Object.values(NODE_TYPES).filter((type) => type.pure !== (type.evaluate !== undefined))).toEqual([]);
  });
});

describe('ports', () => {
  it('come from the config, which may be unfinished', () => {
    const branch = (config: Parameters<typeof outputPorts>[0]['config']) =>
      outputPorts({ type: 'branch', config, onError: 'fail' }).map((port) => port.name);
    expect(
      branch({
        cases: [
          { port: 'a', when: 'true' },
          { port: 'b', when: '' },
        ],
      }),
    ).toEqual(['a', 'b', 'else']);
    expect(branch({ cases: [null, {}, { port: 3 }, { port: '' }, { port: 'c' }] })).toEqual(['c', 'else']);
    expect(branch({ cases: 'nonsense' })).toEqual(['else']);
    expect(branch({})).toEqual(['else']);
  });

  it('hold `error` where failures have a port', () => {
    expect(outputPorts({ type: 'http', config: {}, onError: 'port' }).map((port) => port.name)).toEqual([
      'out',
      'error',
    ]);
    expect(outputPorts({ type: 'unknown', config: {}, onError: 'fail' })).toEqual([]);
    expect(nodeType('toString')).toBeNull();
  });
});

describe('the JSON Schema of documents', () => {
  it('names its parts', () => {
    const schema = documentJsonSchema();
    expect(Object.keys(schema.properties ?? {})).toEqual(['format', 'nodes', 'edges', 'notes', 'settings']);
    expect(JSON.stringify(schema)).toContain('"additionalProperties":false');
  });
});
