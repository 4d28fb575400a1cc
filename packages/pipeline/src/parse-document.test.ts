import { describe, expect, it } from 'vitest';
import { parseDocument } from './parse-document.ts';
import type { Problem } from './validate/problem.ts';

const codes = (problems: readonly Problem[]) => problems.map((one) => one.code);

describe('foreign JSON', () => {
  const refused = (json: unknown) => {
    const parsed = parseDocument(json);
    return parsed.ok ? [] : parsed.problems;
  };

  it('gets its defaults', () => {
    expect(parseDocument({})).toEqual({ ok: true, document: { format: 1, nodes: [], edges: [], notes: [] } });
  });

  it.each([
    ['a text', '"x"'],
    ['null', 'null'],
    ['an unknown key', '{"nodez": []}'],
    ['another format', '{"format": 2}'],
  ])('refuses %s', (_name, text) => {
    expect(refused(JSON.parse(text))).toContainEqual(
      expect.objectContaining({ code: 'invalid_document', severity: 'error' }),
    );
  });

  it('names the node of a wrong shape', () => {
    expect(
      refused({
        nodes: [
          { id: 'fine', type: 'http' },
          { id: 'wrong', type: 'http', onError: 'shrug' },
        ],
      }),
    ).toContainEqual(expect.objectContaining({ node: 'wrong', path: ['nodes', 1, 'onError'] }));
  });

  it.each(['__proto__', 'constructor', 'prototype'])('refuses the key %s anywhere', (key) => {
    const json: unknown = JSON.parse(
      `{"nodes": [{"id": "a", "type": "code", "config": {"input": {"deep": [{"${key}": {"polluted": 1}}]}}}]}`,
    );
    expect(refused(json)).toEqual([
      expect.objectContaining({ code: 'forbidden_key', path: ['nodes', 0, 'config', 'input', 'deep', 0, key] }),
    ]);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  it('refuses what is too deep or too large, without exhausting the stack', () => {
    expect(codes(refused(JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`)))).toEqual(['document_too_deep']);
    expect(codes(refused({ nodes: Array.from({ length: 600_000 }, () => 0) }))).toEqual(['document_too_large']);
    expect(codes(refused({ notes: ['x'.repeat(9_000_000)] }))).toEqual(['document_too_large']);
  });
});
