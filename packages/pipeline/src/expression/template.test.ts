import { describe, expect, it } from 'vitest';
import type { Json } from '../event.ts';
import { ExpressionError } from './error.ts';
import type { Scope } from './scope.ts';
import { parseTemplate, renderTemplate, resolveConfig } from './template.ts';

const input: Json = { name: 'Ada', n: 2, list: [1, { a: true }], braces: '{{ run.id }}' };
const scope: Scope = { run: { id: 'r', input }, steps: {}, trigger: input };

describe('a template', () => {
  it.each<readonly [string, Json]>([
    ['plain text, } and { and }} too', 'plain text, } and { and }} too'],
    ['{{ run.input.list }}', [1, { a: true }]],
    ['{{run.input.n + 1}}', 3],
    ['Hello {{ run.input.name }}!', 'Hello Ada!'],
    ['{{ run.input.name }}{{ run.input.n }}', 'Ada2'],
    [' {{ run.input.n }}', ' 2'],
    ['list: {{ run.input.list }}, null: {{ null }}', 'list: [1,{"a":true}], null: null'],
    ['{{ {"a": {"b": 1}} }}', { a: { b: 1 } }],
    ['{{ {"a": {"b": 1}}}}', { a: { b: 1 } }],
    ['{{ "}}" }}', '}}'],
    ["{{ '}} \\' }}' }}.", "}} ' }}."],
    ['{{ "say \\"}}\\" now" }}', 'say "}}" now'],
    ['', ''],
  ])('%s', (template, expected) => {
    expect(renderTemplate(template, scope)).toEqual(expected);
  });

  it('inserts values and never parses them again', () => {
    expect(renderTemplate('x {{ run.input.braces }}', scope)).toBe('x {{ run.id }}');
    expect(renderTemplate('{{ run.input.braces }}', scope)).toBe('{{ run.id }}');
  });

  it.each([
    ['a {{ run.input', 'unclosed_template', 2],
    ['{{ "}} ', 'unclosed_template', 0],
    ['a {{  }}', 'empty_expression', 2],
    ['abc {{ run.input.missing }}', 'no_such_key', 17],
  ])('%s says %s and where', (template, code, position) => {
    expect(() => renderTemplate(template, scope)).toThrow(expect.objectContaining({ code, position }));
  });

  it('knows where its expressions begin', () => {
    expect(parseTemplate('ab{{ x }}c')).toEqual([{ text: 'ab' }, { expression: ' x ', start: 4 }, { text: 'c' }]);
  });
});

describe('a config', () => {
  it('is resolved at any depth but for its verbatim fields', () => {
    const config = {
      url: 'https://x/{{ run.input.n }}',
      code: 'return {{}}',
      body: { deep: [{ name: '{{ run.input.name }}' }], n: 1, none: null },
    };
    expect(resolveConfig(config, scope, ['code'])).toEqual({
      url: 'https://x/2',
      code: 'return {{}}',
      body: { deep: [{ name: 'Ada' }], n: 1, none: null },
    });
  });

  it('names the field that fails', () => {
    expect(() => resolveConfig({ body: { list: ['{{ run.input.nope }}'] } }, scope)).toThrow(/^body\.list\[0\]: /);
  });

  it('cannot be made to touch a prototype', () => {
    const config = JSON.parse('{"__proto__": "{{ run.input.name }}", "body": {"__proto__": {"polluted": 1}}}');
    const resolved = resolveConfig(config, scope);
    expect(Object.getPrototypeOf(resolved)).toBe(Object.prototype);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  it('refuses endless nesting', () => {
    let deep: Json = '{{ 1 }}';
    for (let i = 0; i < 100; i++) deep = [deep];
    expect(() => resolveConfig({ deep }, scope)).toThrow(ExpressionError);
  });
});
