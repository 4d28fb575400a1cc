import type { Client } from 'pg';
import { DUE_CHANNEL, RUN_CHANNEL } from './bell.ts';
import type { Connector } from './connection.ts';
import type { System } from './system.ts';

/** What a listener hears. `connected` also after each reconnect: bells may have been missed before it. */
export type Hearing = {
  readonly moved?: (payload: string) => void;
  readonly due?: (payload: string) => void;
  readonly connected?: () => void;
};

/** One connection that listens for this process. It connects with the first subscriber and comes back by itself. */
export type Listener = {
  readonly subscribe: (hearing: Hearing) => { readonly close: () => void };
  readonly close: () => Promise<void>;
};

const AGAIN_MS = 200;
/** A half-open connection hears nothing and says nothing: ask now and then. */
const CHECK_MS = 10_000;

/** A listener on a connection of its own. */
export function createListener(connector: Connector, system: System): Listener {
  const hearings = new Set<Hearing>();
  let client: Client | null = null;
  let connecting = false;
  let closed = false;

  const hear = (channel: string, payload: string): void => {
    for (const hearing of hearings) {
      if (channel === RUN_CHANNEL) hearing.moved?.(payload);
      else if (channel === DUE_CHANNEL) hearing.due?.(payload);
    }
  };
  const connectOnce = async (): Promise<void> => {
    const fresh = await connector.client();
    try {
      fresh.on('notification', ({ channel, payload }) => hear(channel, payload ?? ''));
      fresh.on('error', () => lost(fresh));
      fresh.on('end', () => lost(fresh));
      await fresh.query(`listen ${RUN_CHANNEL}`);
      await fresh.query(`listen ${DUE_CHANNEL}`);
    } catch (error) {
      fresh.end().catch(() => {});
      throw error;
    }
    client = fresh;
  };
  const connect = async (): Promise<void> => {
    if (connecting || closed) return;
    connecting = true;
    while (!closed && client === null) {
      try {
        await connectOnce();
      } catch {
        await system.sleep(AGAIN_MS);
      }
    }
    connecting = false;
    if (closed) await client?.end().catch(() => {});
    else for (const hearing of hearings) hearing.connected?.();
  };
  const lost = (which: Client): void => {
    if (client !== which) return;
    client = null;
    which.end().catch(() => {});
    void connect();
  };
  const check = system.every(CHECK_MS, () => {
    const asked = client;
    asked?.query('select').catch(() => lost(asked));
  });

  return {
    subscribe: (hearing) => {
      hearings.add(hearing);
      if (client === null) void connect();
      else hearing.connected?.();
      return { close: () => void hearings.delete(hearing) };
    },
    close: async () => {
      closed = true;
      check.stop();
      hearings.clear();
      await client?.end().catch(() => {});
    },
  };
}
