import { canSend, type Draft, reduceSave, type SaveEvent, type SaveState, type Theirs } from './save.ts';

/** What came of sending a draft. */
export type SendOutcome =
  | { readonly outcome: 'accepted'; readonly version: number }
  | { readonly outcome: 'unreachable' }
  | { readonly outcome: 'refused'; readonly message: string }
  | { readonly outcome: 'conflict'; readonly theirs: Theirs };

/** The outside of a saver. `later` runs once after a delay and answers how to call it off. */
export type SaverPorts = {
  readonly read: () => Draft;
  readonly send: (draft: Draft, version: number) => Promise<SendOutcome>;
  readonly later: (run: () => void, ms: number) => () => void;
  readonly now: () => number;
  readonly changed: (state: SaveState) => void;
};

/** Saves a draft a moment after the last edit, one request at a time. */
export type Saver = {
  /** A person changed the draft. */
  readonly edited: () => void;
  /** Sends now what is unsaved; resolves when nothing is unsaved, or when saving cannot go on (offline, refused, conflict). */
  readonly flush: () => Promise<SaveState>;
  /** After a conflict: our draft replaces theirs with the next save. */
  readonly keepMine: () => void;
  /** After a conflict: the caller has put their draft in place of ours. */
  readonly tookTheirs: () => void;
  readonly state: () => SaveState;
  /** Ends the timers; a request in flight is let go its way. */
  readonly close: () => void;
};

const QUIET_MS = 800;
const OFFLINE_MS = 3_000;

/** Makes a saver for one opened draft. */
export function createSaver(initial: SaveState, ports: SaverPorts): Saver {
  let state = initial;
  let cancelTimer: (() => void) | null = null;
  let inFlight: Promise<void> | null = null;
  let closed = false;

  const apply = (event: SaveEvent): void => {
    state = reduceSave(state, event);
    ports.changed(state);
  };
  const schedule = (ms: number): void => {
    cancelTimer?.();
    cancelTimer = closed ? null : ports.later(() => void push(), ms);
  };

  async function send(): Promise<void> {
    apply({ type: 'sent' });
    const answer = await ports.send(ports.read(), state.version);
    if (answer.outcome === 'accepted') apply({ type: 'accepted', version: answer.version, at: ports.now() });
    else if (answer.outcome === 'conflict') apply({ type: 'conflicted', theirs: answer.theirs });
    else if (answer.outcome === 'refused') apply({ type: 'refused', message: answer.message });
    else apply({ type: 'unreachable' });
    if (state.phase === 'dirty') schedule(QUIET_MS);
    if (state.phase === 'offline') schedule(OFFLINE_MS);
  }

  function push(): Promise<void> {
    cancelTimer?.();
    cancelTimer = null;
    if (inFlight !== null) return inFlight;
    if (!canSend(state)) return Promise.resolve();
    inFlight = send().finally(() => {
      inFlight = null;
    });
    return inFlight;
  }

  async function flush(): Promise<SaveState> {
    await push();
    if (state.phase === 'dirty') await push();
    return state;
  }

  return {
    edited: () => {
      apply({ type: 'edited' });
      if (state.phase === 'dirty') schedule(QUIET_MS);
    },
    flush,
    keepMine: () => {
      apply({ type: 'kept_mine' });
      void push();
    },
    tookTheirs: () => apply({ type: 'took_theirs', at: ports.now() }),
    state: () => state,
    close: () => {
      closed = true;
      cancelTimer?.();
    },
  };
}
