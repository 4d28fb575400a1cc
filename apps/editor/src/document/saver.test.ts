import { describe, expect, it } from 'vitest';
import { type Draft, hasUnsaved, reduceSave, type SaveState } from './save.ts';
import { createSaver, type SendOutcome } from './saver.ts';

const EMPTY = { format: 1 as const, nodes: [], edges: [], notes: [] };

/** A server that checks versions, a clock that is turned by hand, and the draft on screen. */
function bench(version = 1) {
  let draft: Draft = { name: 'a', document: EMPTY };
  const server = { version, name: 'a', reachable: true, puts: [] as { version: number; name: string }[] };
  const timers: { run: () => void; ms: number; live: boolean }[] = [];
  const states: SaveState[] = [];
  let gate: Promise<void> = Promise.resolve();
  const saver = createSaver(
    { phase: 'saved', version, at: null },
    {
      read: () => draft,
      send: async (sent, ifMatch): Promise<SendOutcome> => {
        server.puts.push({ version: ifMatch, name: sent.name });
        await gate;
        if (!server.reachable) return { outcome: 'unreachable' };
        if (ifMatch !== server.version)
          return { outcome: 'conflict', theirs: { name: server.name, document: EMPTY, version: server.version } };
        server.version += 1;
        server.name = sent.name;
        return { outcome: 'accepted', version: server.version };
      },
      later: (run, ms) => {
        const timer = { run, ms, live: true };
        timers.push(timer);
        return () => {
          timer.live = false;
        };
      },
      now: () => 0,
      changed: (state) => states.push(state),
    },
  );
  const edit = (name: string) => {
    draft = { name, document: EMPTY };
    saver.edited();
  };
  const ring = () => {
    for (const timer of timers.filter((one) => one.live)) {
      timer.live = false;
      timer.run();
    }
  };
  const hold = () => {
    let open = (): void => undefined;
    gate = new Promise((resolve) => {
      open = resolve;
    });
    return open;
  };
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  return { saver, server, edit, ring, hold, settle, states, timers };
}

describe('saver', () => {
  it('sends once, a moment after the last of many edits', async () => {
    const { saver, server, edit, ring, settle, timers } = bench();
    for (const name of ['b', 'c', 'd']) edit(name);
    expect(server.puts).toEqual([]);
    expect(timers.filter((timer) => timer.live).map((timer) => timer.ms)).toEqual([800]);
    ring();
    await settle();
    expect(server.puts).toEqual([{ version: 1, name: 'd' }]);
    expect(saver.state()).toEqual({ phase: 'saved', version: 2, at: 0 });
  });

  it('has one save in flight and reads the version when it sends: edits meanwhile never conflict with themselves', async () => {
    const { saver, server, edit, ring, hold, settle } = bench();
    const open = hold();
    edit('b');
    ring();
    for (const name of ['c', 'd']) edit(name);
    void saver.flush();
    expect(server.puts).toHaveLength(1);
    open();
    await settle();
    ring();
    await settle();
    expect(server.puts).toEqual([
      { version: 1, name: 'b' },
      { version: 2, name: 'd' },
    ]);
    expect(saver.state().phase).toBe('saved');
  });

  it('keeps the draft while offline and sends it when the server is back', async () => {
    const { saver, server, edit, ring, settle, timers } = bench();
    server.reachable = false;
    edit('b');
    ring();
    await settle();
    expect(saver.state().phase).toBe('offline');
    expect(hasUnsaved(saver.state())).toBe(true);
    expect(timers.filter((timer) => timer.live).map((timer) => timer.ms)).toEqual([3_000]);
    server.reachable = true;
    ring();
    await settle();
    expect(server.name).toBe('b');
    expect(saver.state().phase).toBe('saved');
  });

  it('stops at a conflict; keeping mine saves over their version', async () => {
    const { saver, server, edit, ring, settle } = bench();
    server.version = 5;
    edit('mine');
    ring();
    await settle();
    expect(saver.state()).toMatchObject({ phase: 'conflict', theirs: { version: 5 } });
    edit('mine too');
    ring();
    expect(server.puts).toHaveLength(1);
    saver.keepMine();
    await settle();
    expect(server).toMatchObject({ version: 6, name: 'mine too' });
    expect(saver.state()).toMatchObject({ phase: 'saved', version: 6 });
  });

  it('writes nothing after taking theirs, and nothing without an edit', async () => {
    const { saver, server, edit, ring, settle } = bench();
    server.version = 5;
    edit('mine');
    ring();
    await settle();
    saver.tookTheirs();
    await saver.flush();
    expect(server.puts).toHaveLength(1);
    expect(saver.state()).toMatchObject({ phase: 'saved', version: 5 });
  });

  it('runs no timer after it is closed', () => {
    const { saver, edit, timers } = bench();
    edit('b');
    saver.close();
    expect(timers.filter((timer) => timer.live)).toEqual([]);
  });
});

describe('reduceSave', () => {
  it('leaves states alone that an event does not concern', () => {
    const saved: SaveState = { phase: 'saved', version: 3, at: 1 };
    for (const event of [
      { type: 'sent' },
      { type: 'accepted', version: 9, at: 2 },
      { type: 'unreachable' },
      { type: 'kept_mine' },
    ] as const)
      expect(reduceSave(saved, event)).toBe(saved);
  });

  it('says that a refused draft is not saved, and tries again after the next edit', () => {
    const refused = reduceSave(
      { phase: 'saving', version: 1, editedMeanwhile: false },
      { type: 'refused', message: 'too large' },
    );
    expect(refused).toEqual({ phase: 'refused', version: 1, message: 'too large' });
    expect(reduceSave(refused, { type: 'edited' })).toEqual({ phase: 'dirty', version: 1 });
  });
});
