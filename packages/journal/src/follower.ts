import type { JournalEvent } from '@switchyard/pipeline';
import { parseMoved } from './bell.ts';
import type { Follower } from './database-contract.ts';
import { decodeEvents, type EventRow } from './encode.ts';
import type { Listener } from './listener.ts';
import type { Sender, Statement } from './send.ts';
import type { System } from './system.ts';

/*
 * There is no gap to fear: event n is visible only when n - 1 is, because a run's row is locked until its append commits. So
 * a follower needs only its last seq, and asks for what comes after it: on a bell, on each connect, and every second.
 */

const EVENTS: Statement = {
  name: 'follow',
  text: 'select seq, kind, step_key as "stepKey", epoch, n, at, data from event where run_id = $1 and seq > $2 order by seq limit 500',
};
const SEQS: Statement = { name: 'seqs', text: 'select id, seq from run where id = any ($1::uuid[])' };
const RECENT: Statement = {
  name: 'recent',
  text: `with fresh as ((select id, seq from run where state in ('queued', 'running') order by id desc limit 1000)
                  union (select id, seq from run order by id desc limit 50))
         select id, seq, true as fresh from fresh union all
         select id, seq, false from run where id = any ($1::uuid[]) and id not in (select id from fresh)`,
};
const BATCH = 500;
const POLL_MS = 1_000;

type Seq = { readonly id: string; readonly seq: number };

/** One subscriber of one run: `after` is the last seq it was told; `wanted` the highest a bell spoke of. */
type Reader = {
  readonly runId: string;
  readonly tell: (events: readonly JournalEvent[]) => void;
  after: number;
  wanted: number;
  reading: boolean;
  closed: boolean;
};

/** Reads until nothing new comes. One read of a reader at a time, so that events are told once and in order. */
async function read(reader: Reader, sender: Sender): Promise<void> {
  if (reader.reading) return;
  reader.reading = true;
  try {
    for (;;) {
      const wanted = reader.wanted;
      const events = decodeEvents(reader.runId, await sender.send<EventRow>(EVENTS, [reader.runId, reader.after]));
      if (reader.closed) return;
      const last = events.at(-1);
      if (last !== undefined) {
        reader.after = last.seq;
        reader.tell(events);
      }
      // a bell for a later event may have come while this read was on its way
      if (events.length < BATCH && (reader.wanted === wanted || reader.after >= reader.wanted)) return;
    }
  } catch {
    // the database does not answer: the next second asks again
  } finally {
    reader.reading = false;
  }
}

/** A run list's view of what moved: what it was told last, and which runs were live then. */
function createWatch(sender: Sender, tell: (runId: string, seq: number) => void) {
  let known: Map<string, number> | null = null;
  let polling = false;
  return {
    heard: (runId: string, seq: number): void => {
      if ((known?.get(runId) ?? 0) < seq) known?.set(runId, seq);
      tell(runId, seq);
    },
    poll: async (): Promise<void> => {
      if (polling) return;
      polling = true;
      try {
        const before = known;
        const rows = await sender.send<Seq & { readonly fresh: boolean }>(RECENT, [[...(before?.keys() ?? [])]]);
        const moved = before === null ? [] : rows.filter(({ id, seq }) => (before.get(id) ?? 0) < seq);
        // runs that are neither live nor recent any more are told of once more and then forgotten
        known = new Map(rows.filter((row) => row.fresh).map(({ id, seq }) => [id, seq]));
        for (const { id, seq } of moved) tell(id, seq);
      } catch {
        // asked again in a second
      } finally {
        polling = false;
      }
    },
  };
}

/** A follower. Listeners must not throw. */
export function createFollower(options: {
  readonly sender: Sender;
  readonly listener: Listener;
  readonly system: System;
}): Follower & { readonly close: () => void } {
  const { sender, listener, system } = options;
  const readers = new Map<string, Set<Reader>>();
  const watches = new Set<ReturnType<typeof createWatch>>();
  let hearing: { readonly close: () => void } | null = null;
  let timer: { readonly stop: () => void } | null = null;

  const heard = (runId: string, seq: number): void => {
    for (const reader of readers.get(runId) ?? []) {
      reader.wanted = Math.max(reader.wanted, seq);
      if (reader.after < seq) void read(reader, sender);
    }
    for (const watch of watches) watch.heard(runId, seq);
  };
  let asking = false;
  const poll = async (): Promise<void> => {
    for (const watch of watches) void watch.poll();
    if (readers.size === 0 || asking) return;
    asking = true;
    const rows = await sender.send<Seq>(SEQS, [[...readers.keys()]]).catch(() => []);
    asking = false;
    for (const { id, seq } of rows)
      for (const reader of readers.get(id) ?? []) if (reader.after < seq) void read(reader, sender);
  };
  const begin = (): void => {
    hearing ??= listener.subscribe({
      moved: (payload) => {
        for (const { runId, seq } of parseMoved(payload)) heard(runId, seq);
      },
      connected: () => void poll(),
    });
    timer ??= system.every(POLL_MS, () => void poll());
  };
  const close = (): void => {
    hearing?.close();
    timer?.stop();
    hearing = null;
    timer = null;
  };
  const endIfIdle = (): void => {
    if (readers.size === 0 && watches.size === 0) close();
  };

  return {
    follow: (runId, after, tell) => {
      const reader: Reader = { runId, tell, after, wanted: after, reading: false, closed: false };
      const same = readers.get(runId) ?? new Set();
      readers.set(runId, same.add(reader));
      begin();
      void read(reader, sender);
      return {
        close: () => {
          reader.closed = true;
          same.delete(reader);
          if (same.size === 0) readers.delete(runId);
          endIfIdle();
        },
      };
    },
    watch: (tell) => {
      const watch = createWatch(sender, tell);
      watches.add(watch);
      begin();
      void watch.poll();
      return {
        close: () => {
          watches.delete(watch);
          endIfIdle();
        },
      };
    },
    close,
  };
}
