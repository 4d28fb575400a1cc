import type { JournalEvent } from '@switchyard/pipeline';

/*
 * Which events of a run this tab has seen. Seqs are dense from 1, so "what comes next" is one number: what is at or below
 * it is a repeat and is dropped, what is beyond the next one is a gap and is fetched. Whatever the stream loses or says
 * twice (reconnects, sleeping tabs), the fold sees each event once and in order.
 */

/** What to do with a batch that came: the events to fold now, and whether some before the rest are missing. */
export type Taken = { readonly fresh: readonly JournalEvent[]; readonly seen: number; readonly gap: boolean };

/** Takes from a batch (any order, with repeats) what follows `seen` without a hole. `gap` means: fetch events after `seen`. */
export function take(seen: number, batch: readonly JournalEvent[]): Taken {
  const sorted = batch.filter((event) => event.seq > seen).sort((a, b) => a.seq - b.seq);
  const fresh: JournalEvent[] = [];
  let next = seen + 1;
  for (const event of sorted) {
    if (event.seq < next) continue;
    if (event.seq > next) return { fresh, seen: next - 1, gap: true };
    fresh.push(event);
    next += 1;
  }
  return { fresh, seen: next - 1, gap: false };
}

/** A thing a tab follows: one run from a seq on, or the list of runs. */
export type Topic =
  | { readonly kind: 'run'; readonly runId: string; readonly after: number }
  | { readonly kind: 'runs' };

/** A topic as the stream's query and `id:` line write it. */
export const topicText = (topic: Topic): string =>
  topic.kind === 'runs' ? 'runs' : `run:${topic.runId}@${topic.after}`;

/** The address of one stream for all topics of a tab. */
export const streamUrl = (topics: readonly Topic[]): string =>
  `/api/stream?${topics.map((topic) => `topic=${encodeURIComponent(topicText(topic))}`).join('&')}`;
