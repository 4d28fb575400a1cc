import type { JournalEvent } from '@switchyard/pipeline';
import { describe, expect, it } from 'vitest';
import { streamUrl, take, topicText } from './cursor.ts';

const event = (seq: number): JournalEvent => ({
  kind: 'note',
  data: { text: String(seq) },
  runId: 'r',
  seq,
  stepKey: null,
  epoch: null,
  n: null,
  at: '2026-01-01T00:00:00Z',
});

const seqs = (events: readonly JournalEvent[]): readonly number[] => events.map(({ seq }) => seq);

describe('take', () => {
  it('takes what follows, whatever the order and however often it is said', () => {
    const taken = take(2, [4, 3, 2, 3, 5, 1].map(event));
    expect(seqs(taken.fresh)).toEqual([3, 4, 5]);
    expect(taken).toMatchObject({ seen: 5, gap: false });
  });

  it('stops before a hole and says so', () => {
    const taken = take(2, [3, 5, 6].map(event));
    expect(seqs(taken.fresh)).toEqual([3]);
    expect(taken).toMatchObject({ seen: 3, gap: true });
  });

  it('sees each event once in order, however batches are cut, repeated and lost', () => {
    const all = Array.from({ length: 50 }, (_, index) => event(index + 1));
    const told: number[] = [];
    let seen = 0;
    const batches = [
      all.slice(0, 10),
      all.slice(5, 12),
      all.slice(20, 30),
      all.slice(12, 25),
      all.slice(28, 40),
      all.slice(0, 50),
      all.slice(40, 50),
    ];
    for (const batch of batches) {
      const taken = take(seen, batch);
      told.push(...seqs(taken.fresh));
      seen = taken.seen;
    }
    expect(told).toEqual(seqs(all));
  });

  it('takes nothing of an empty or old batch', () => {
    expect(take(9, [])).toEqual({ fresh: [], seen: 9, gap: false });
    expect(take(9, [event(8), event(9)])).toEqual({ fresh: [], seen: 9, gap: false });
  });
});

describe('topics', () => {
  it('are one stream for all', () => {
    expect(topicText({ kind: 'run', runId: 'r1', after: 12 })).toBe('run:r1@12');
    expect(streamUrl([{ kind: 'runs' }, { kind: 'run', runId: 'r1', after: 0 }])).toBe(
      '/api/stream?topic=runs&topic=run%3Ar1%400',
    );
  });
});
