import type { PipelineDocument } from '@switchyard/pipeline';
import { describe, expect, it } from 'vitest';
import { EMPTY_HISTORY, labels, record, redo, undo } from './history.ts';

const documentOf = (...ids: string[]): PipelineDocument => ({
  format: 1,
  nodes: ids.map((id) => ({
    id,
    type: 'http',
    config: { url: 'x' },
    position: { x: 0, y: 0 },
    onError: 'fail' as const,
  })),
  edges: [],
  notes: [],
});

describe('history', () => {
  it('has nothing to undo or redo at first', () => {
    expect(undo(EMPTY_HISTORY, documentOf())).toBeNull();
    expect(redo(EMPTY_HISTORY, documentOf())).toBeNull();
    expect(labels(EMPTY_HISTORY)).toEqual({ undo: null, redo: null });
  });

  it('brings back the very document, and redoes to the very document', () => {
    const [before, after] = [documentOf('a', 'b'), documentOf('b')];
    const history = record(EMPTY_HISTORY, before, { label: 'delete a', at: 0 });
    const back = undo(history, after);
    expect(back?.document).toBe(before);
    expect(back && labels(back.history)).toEqual({ undo: null, redo: 'delete a' });
    const forth = back && redo(back.history, back.document);
    expect(forth?.document).toBe(after);
    expect(forth && labels(forth.history)).toEqual({ undo: 'delete a', redo: null });
  });

  it('makes one entry of a burst with one key, and two of bursts apart', () => {
    const [first, second, third] = [documentOf('a'), documentOf('b'), documentOf('c')];
    let history = record(EMPTY_HISTORY, first, { label: 'type', mergeKey: 'k', at: 0 });
    history = record(history, second, { label: 'type', mergeKey: 'k', at: 900 });
    history = record(history, third, { label: 'type', mergeKey: 'k', at: 1_800 });
    expect(history.past).toHaveLength(1);
    expect(undo(history, documentOf())?.document).toBe(first);
    expect(record(history, documentOf('d'), { label: 'type', mergeKey: 'k', at: 3_000 }).past).toHaveLength(2);
    expect(record(history, documentOf('d'), { label: 'type', mergeKey: 'other', at: 1_900 }).past).toHaveLength(2);
  });

  it('drops what could be redone when something new is done, and does not merge into an undone burst', () => {
    const history = record(EMPTY_HISTORY, documentOf('a'), { label: 'type', mergeKey: 'k', at: 0 });
    const older = record(history, documentOf('b'), { label: 'move', at: 10 });
    const back = undo(older, documentOf('c'));
    const next = back && record(back.history, back.document, { label: 'type', mergeKey: 'k', at: 20 });
    expect(next?.future).toHaveLength(0);
    expect(next?.past).toHaveLength(2);
  });

  it('keeps the last 200 gestures', () => {
    let history = EMPTY_HISTORY;
    for (let at = 0; at < 300; at += 1) history = record(history, documentOf(`n${at}`), { label: String(at), at });
    expect(history.past).toHaveLength(200);
    expect(history.past[0]?.label).toBe('100');
  });
});
