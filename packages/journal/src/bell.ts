import type { Client } from 'pg';
import type { Connector } from './connection.ts';
import type { StepHint } from './contract.ts';
import type { System } from './system.ts';

/*
 * Tells other processes what was committed. Never inside the transaction: notify takes a lock of the whole database through
 * the flush (measured, ten writers: 4,871 → 394 commits a second). Gathered, on a connection of its own that does not flush.
 */

/** Channel of runs that moved: `runId:seq runId:seq …`. */
export const RUN_CHANNEL = 'switchyard_run';
/** Channel of steps that processes without a queue made due: `runId/stepKey/epoch …`. */
export const DUE_CHANNEL = 'switchyard_due';

const GATHER_MS = 10;
const LONGEST = 7_900; // bytes; Postgres refuses payloads of 8000

/** Says what was committed, at most every 10 ms. What cannot be said is dropped: followers ask each second, the sweep rings. */
export type Bell = {
  /** The run's last event is `seq`. */
  readonly moved: (runId: string, seq: number) => void;
  /** Steps to ring for; said only where this process has no queue. */
  readonly due: (hints: readonly StepHint[]) => void;
  /** Says steps are due even where this process has a queue: it is about to leave. */
  readonly handOver: (hints: readonly StepHint[]) => void;
  /** Says the rest and ends the connection. */
  readonly close: () => Promise<void>;
};

/** Words joined by spaces into payloads that Postgres takes. */
export function payloads(words: readonly string[]): string[] {
  const all: string[] = [];
  let payload = '';
  for (const word of words) {
    if (payload !== '' && Buffer.byteLength(payload) + Buffer.byteLength(word) + 1 > LONGEST) {
      all.push(payload);
      payload = '';
    }
    payload = payload === '' ? word : `${payload} ${word}`;
  }
  return payload === '' ? all : [...all, payload];
}

const dueWord = ({ runId, stepKey, epoch }: StepHint): string => `${runId}/${stepKey}/${epoch}`;

/** Hints of a payload of DUE_CHANNEL. Step keys are paths: what stands between the first and the last slash. */
export function parseDue(payload: string): StepHint[] {
  return payload.split(' ').flatMap((word) => {
    const match = /^([0-9a-f-]{36})\/(.+)\/(\d+)$/.exec(word);
    return match === null ? [] : [{ runId: match[1] ?? '', stepKey: match[2] ?? '', epoch: Number(match[3]) }];
  });
}

/** Runs and seqs of a payload of RUN_CHANNEL. */
export function parseMoved(payload: string): { readonly runId: string; readonly seq: number }[] {
  return payload.split(' ').map((word) => ({ runId: word.slice(0, 36), seq: Number(word.slice(37)) }));
}

/** A bell that connects when it first has something to say. */
export function createBell(options: {
  readonly connector: Connector;
  readonly system: System;
  readonly announceDue: boolean;
}): Bell {
  const { connector, system, announceDue } = options;
  const moved = new Map<string, number>();
  const due = new Set<string>();
  let client: Client | null = null;
  let flushing: Promise<void> | null = null;
  let timer: { readonly stop: () => void } | null = null;

  const say = async (): Promise<void> => {
    const runs = payloads([...moved].map(([runId, seq]) => `${runId}:${seq}`));
    const hints = payloads([...due]);
    moved.clear();
    due.clear();
    const calls = [...runs.map((payload) => [RUN_CHANNEL, payload]), ...hints.map((payload) => [DUE_CHANNEL, payload])];
    if (calls.length === 0) return;
    try {
      client ??= await connector.client(['synchronous_commit=off']);
      for (const call of calls) await client.query('select pg_notify($1, $2)', call);
    } catch {
      const broken = client;
      client = null; // the next words find a new connection
      await broken?.end().catch(() => {});
    }
  };
  const flush = async (): Promise<void> => {
    timer = null;
    await flushing;
    flushing = say();
    await flushing;
  };
  const soon = (): void => {
    timer ??= system.after(GATHER_MS, () => void flush());
  };
  const handOver = (hints: readonly StepHint[]): void => {
    if (hints.length === 0) return;
    for (const hint of hints) due.add(dueWord(hint));
    soon();
  };

  return {
    moved: (runId, seq) => {
      moved.set(runId, Math.max(seq, moved.get(runId) ?? 0));
      soon();
    },
    due: (hints) => {
      if (announceDue) handOver(hints);
    },
    handOver,
    close: async () => {
      timer?.stop();
      await flush();
      await client?.end().catch(() => {});
      client = null;
    },
  };
}
