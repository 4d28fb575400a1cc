import type { Subscription } from '@switchyard/journal';
import type { JournalEvent } from '@switchyard/pipeline';
import type { Request, Response } from 'express';
import { ApiError } from '../http/api-error.ts';
import { shownRun } from '../routes/shapes.ts';
import type { Services } from '../services.ts';

/*
 * One stream of server-sent events for all that a client looks at. Topics stand in the query, `run:ID@SEQ` and `runs`;
 * each frame's `id:` holds the cursor of every topic, so a reconnect with Last-Event-ID goes on without gap or repeat.
 * A client that reads too slowly is not written to until it has caught up; nothing piles up for it.
 */

const MAX_TOPICS = 50;
const HEARTBEAT_MS = 15_000;
/** Bytes that may wait for the client before reading for it stops. */
const MAX_BACKLOG = 1024 * 1024;
/** Lists are refreshed at most this often. */
const LIST_MS = 250;

type StreamParts = Pick<Services, 'database' | 'clock' | 'stopping'>;
type Topics = { readonly runs: boolean; readonly run: Map<string, number> };

/** Reads the topics, with the cursors of Last-Event-ID where it names them. Throws 400 `unknown_topic`, `too_many_topics`. */
export function topicsOf(request: Pick<Request, 'url' | 'headers'>): Topics {
  const wanted = new URLSearchParams(request.url.split('?')[1] ?? '').getAll('topic');
  if (wanted.length === 0)
    throw new ApiError(400, 'unknown_topic', 'Say what to follow: ?topic=runs or ?topic=run:ID@SEQ.');
  if (wanted.length > MAX_TOPICS)
    throw new ApiError(400, 'too_many_topics', `A stream follows at most ${MAX_TOPICS} topics.`);
  const topics: Topics = { runs: wanted.includes('runs'), run: new Map() };
  const cursor = request.headers['last-event-id'];
  const resumed = typeof cursor === 'string' ? cursor.split(',') : [];
  for (const text of [...wanted, ...resumed]) {
    if (text === 'runs') continue;
    const parts = /^run:([0-9a-f-]{36})@(\d{1,9})$/.exec(text);
    if (!parts?.[1])
      throw new ApiError(400, 'unknown_topic', `"${text.slice(0, 80)}" is not a topic.`, {
        hint: 'Topics are runs and run:ID@SEQ.',
      });
    if (topics.run.has(parts[1]) || wanted.includes(text)) topics.run.set(parts[1], Number(parts[2]));
  }
  return topics;
}

/**
 * Streams until the client leaves or the server stops. While the client does not keep up nothing is read for it: each
 * topic is let go at its cursor and followed again from there once the socket has drained.
 */
export function openStream(request: Request, response: Response, services: StreamParts): void {
  const topics = topicsOf(request);
  response.writeHead(200, {
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-store',
    'X-Accel-Buffering': 'no',
  });
  response.write('retry: 1000\n\n');
  const { database, clock } = services;
  const following = new Map<string, Subscription>();
  const isFull = (): boolean => response.writableLength > MAX_BACKLOG;
  const cursor = (): string =>
    [...[...topics.run].map(([id, seq]) => `run:${id}@${seq}`), ...(topics.runs ? ['runs'] : [])].join(',');
  const frame = (event: string, data: unknown): void => {
    response.write(`id: ${cursor()}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    if (isFull()) pause();
  };
  const onEvents = (runId: string, events: readonly JournalEvent[]): void => {
    const seen = topics.run.get(runId) ?? 0;
    const fresh = events.filter(({ seq }) => seq > seen);
    if (fresh.length === 0 || isFull()) return; // full: the cursor stays, the rest is read again after the drain
    topics.run.set(runId, fresh.at(-1)?.seq ?? seen);
    frame('run', { runId, events: fresh });
  };
  const pause = (): void => {
    for (const subscription of following.values()) subscription.close();
    following.clear();
  };
  const resume = (): void => {
    if (response.destroyed || following.size > 0) return;
    for (const [runId, after] of topics.run)
      following.set(
        runId,
        database.follower.follow(runId, after, (events) => onEvents(runId, events)),
      );
  };
  resume();
  response.on('drain', resume);
  const list = topics.runs ? followList(services, (rows) => isFull() || frame('runs', rows)) : null;
  const stopBeating = clock.every(HEARTBEAT_MS, () => isFull() || response.write(': still here\n\n'));
  const stop = (): void => void response.end();
  services.stopping.addEventListener('abort', stop, { once: true });
  response.on('close', () => {
    services.stopping.removeEventListener('abort', stop);
    stopBeating();
    list?.close();
    pause();
  });
}

/** Rows of runs that moved, gathered. */
function followList({ database, clock }: StreamParts, send: (rows: readonly unknown[]) => void): Subscription {
  const moved = new Set<string>();
  let cancel: (() => void) | null = null;
  const flush = async (): Promise<void> => {
    cancel = null;
    const ids = [...moved];
    moved.clear();
    const rows = await database.catalog.runs.some(ids);
    if (rows.length > 0) send(rows.map(shownRun));
  };
  const watching = database.follower.watch((runId) => {
    moved.add(runId);
    cancel ??= clock.later(LIST_MS, () => void flush().catch(() => {})); // the next move asks again
  });
  return {
    close: () => {
      cancel?.();
      watching.close();
    },
  };
}
