import { parseDocument } from '@switchyard/pipeline';
import { describe, expect, it } from 'vitest';
import { dropDraft, keepDraft, keptDraft, type TextStore } from './draft-journal.ts';

const parse = (json: unknown) => {
  const parsed = parseDocument(json);
  return parsed.ok ? parsed.document : null;
};

function memory(): TextStore & { readonly texts: Map<string, string> } {
  const texts = new Map<string, string>();
  return {
    texts,
    getItem: (key) => texts.get(key) ?? null,
    setItem: (key, text) => void texts.set(key, text),
    removeItem: (key) => void texts.delete(key),
  };
}

const draft = {
  name: 'Mine',
  version: 7,
  document: {
    format: 1 as const,
    nodes: [],
    edges: [],
    notes: [{ id: 'n1', text: 'hello', position: { x: 0, y: 0 } }],
  },
};

describe('draft journal', () => {
  it('gives back what was kept, by pipeline, until it is dropped', () => {
    const store = memory();
    expect(keepDraft(store, 'p1', draft)).toBe(true);
    expect(keptDraft(store, 'p1', parse)).toEqual(draft);
    expect(keptDraft(store, 'p2', parse)).toBeNull();
    dropDraft(store, 'p1');
    expect(keptDraft(store, 'p1', parse)).toBeNull();
  });

  it('takes a broken entry for none', () => {
    const store = memory();
    for (const text of ['{', 'null', '{"version":1}', '{"version":1,"name":"x","document":{"nodes":"no"}}']) {
      store.texts.set('switchyard.draft.p1', text);
      expect(keptDraft(store, 'p1', parse)).toBeNull();
    }
  });

  it('says when the browser keeps nothing', () => {
    const full: TextStore = {
      getItem: () => null,
      removeItem: () => undefined,
      setItem: () => {
        throw new Error('quota');
      },
    };
    expect(keepDraft(full, 'p1', draft)).toBe(false);
  });
});
