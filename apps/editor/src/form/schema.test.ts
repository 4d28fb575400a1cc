import { nodeTypeCatalogue } from '@switchyard/pipeline';
import { describe, expect, it } from 'vitest';
import {
  beginning,
  type Field,
  fieldsOf,
  type JsonSchema,
  jsonToText,
  textToJson,
  variantOf,
  withValue,
} from './schema.ts';

const only = (schema: JsonSchema): Field => {
  const [field] = fieldsOf({ type: 'object', properties: { value: schema } });
  if (field === undefined) throw new Error('no field');
  return field;
};

describe('fieldsOf', () => {
  it('draws every node type of the release, none of them endlessly', () => {
    const kinds = new Map(
      nodeTypeCatalogue().nodeTypes.map((type) => [
        type.id,
        fieldsOf(type.config as JsonSchema).map((field) => `${field.name}:${field.kind}`),
      ]),
    );
    expect(kinds.size).toBeGreaterThan(5);
    expect(kinds.get('http')).toEqual([
      'method:choice',
      'url:text',
      'headers:record',
      'body:json',
      'credential:text',
      'timeoutSeconds:number',
      'failOnStatus:switch',
    ]);
    expect(kinds.get('agent')).toContain('tools:checks');
    expect(kinds.get('agent')).toContain('connection:connection');
    expect(kinds.get('branch')).toEqual(['cases:list']);
  });

  it('reads titles, help, examples, requirement and defaults', () => {
    const [a, b] = fieldsOf({
      type: 'object',
      required: ['a', 'b'],
      properties: {
        a: { type: 'string', title: 'A title', description: 'Help.', examples: ['x'], widget: 'template' },
        b: { type: 'number', default: 3 },
      },
    });
    expect(a).toMatchObject({
      kind: 'text',
      widget: 'template',
      title: 'A title',
      help: 'Help.',
      example: 'x',
      required: true,
    });
    expect(b).toMatchObject({ kind: 'number', required: false, fallback: 3, title: 'B' });
    expect(only({ type: 'string' }).title).toBe('Value');
  });

  it('knows lists, records, objects, unions and constants', () => {
    expect(only({ type: 'array', items: { type: 'object', properties: { x: { type: 'string' } } } })).toMatchObject({
      kind: 'list',
      item: { kind: 'object' },
    });
    expect(only({ type: 'object', additionalProperties: { type: 'string' } })).toMatchObject({
      kind: 'record',
      value: { kind: 'text' },
    });
    expect(only({ oneOf: [{ const: 'a' }, { const: 'b' }] })).toMatchObject({ kind: 'choice', options: ['a', 'b'] });
    expect(only({ oneOf: [{ type: 'string' }, { type: 'number' }] })).toMatchObject({ kind: 'union' });
    expect(only({})).toMatchObject({ kind: 'json' });
  });

  it('ends at a schema that contains itself', () => {
    const schema: JsonSchema = {
      type: 'object',
      properties: { any: { $ref: '#/$defs/any', title: 'Any' } },
      $defs: { any: { anyOf: [{ type: 'string' }, { type: 'array', items: { $ref: '#/$defs/any' } }] } },
    };
    expect(fieldsOf(schema)).toMatchObject([{ title: 'Any', kind: 'union' }]);
  });
});

describe('values', () => {
  it('begin as their default, else as the emptiest of their shape', () => {
    expect(beginning({ type: 'string' })).toBe('');
    expect(beginning({ type: 'integer', minimum: 1 })).toBe(1);
    expect(
      beginning({
        type: 'object',
        required: ['port'],
        properties: { port: { type: 'string' }, when: { type: 'string' } },
      }),
    ).toEqual({ port: '' });
    expect(beginning({ type: 'array', default: [1] })).toEqual([1]);
  });

  it('find their variant', () => {
    const variants = [
      { schema: { type: 'object', required: ['kind'], properties: { kind: { const: 'a' } } } },
      { schema: { type: 'object', required: ['kind'], properties: { kind: { const: 'b' } } } },
      { schema: { type: 'string' } },
    ] satisfies { schema: JsonSchema }[];
    expect([{ kind: 'b' }, 'text', { kind: 'a' }, undefined].map((value) => variantOf(variants, value))).toEqual([
      1, 2, 0, 0,
    ]);
  });

  it('leave the config when they are undefined, and no other key', () => {
    expect(withValue({ a: 1, b: 2 }, 'a', undefined)).toEqual({ b: 2 });
    expect(withValue({ a: 1 }, 'b', null)).toEqual({ a: 1, b: null });
  });
});

describe('JSON as text', () => {
  it('takes templates and sentences as text, JSON as JSON, and half JSON as unfinished', () => {
    expect(textToJson('{{ steps.a.output }}')).toEqual({ value: '{{ steps.a.output }}', problem: null });
    expect(textToJson('Hello there')).toEqual({ value: 'Hello there', problem: null });
    expect(textToJson('{"a": 1}')).toEqual({ value: { a: 1 }, problem: null });
    expect(textToJson('{"a": ').problem).toMatch(/Not valid JSON/);
    expect(textToJson('  ')).toEqual({ value: undefined, problem: null });
  });

  it('survives the way to text and back', () => {
    for (const value of [
      '{{ a }}',
      'plain',
      '12',
      'true',
      '',
      '{"a":1}',
      12,
      null,
      false,
      { a: ['{{ x }}'] },
      [1, 'two'],
    ])
      expect(textToJson(jsonToText(value)).value).toEqual(value);
  });
});
