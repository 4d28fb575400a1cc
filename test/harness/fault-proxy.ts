import { connect, createServer, type Server, type Socket } from 'node:net';

/*
 * A TCP proxy that does harm on demand, before Postgres, Redis, a model server or our own server. It knows no protocol: a
 * request is bytes towards the server, an answer is bytes towards the client. One fault holds at a time; `fired` counts
 * how often each has really done something, so that a test can show that it tested.
 */

/** What the proxy does to traffic. With `when` it waits for a request that holds that text, and hits that connection once. */
export type Fault =
  /** Bytes vanish; the connection stays, and its end is passed on. */
  | { readonly verb: 'drop'; readonly towards?: Side; readonly when?: string }
  /** Bytes wait until the fault is lifted, then all arrive. */
  | { readonly verb: 'stall'; readonly towards?: Side; readonly when?: string }
  /** Each piece arrives so much later. */
  | { readonly verb: 'delay'; readonly ms: number; readonly towards?: Side }
  | { readonly verb: 'throttle'; readonly bytesPerSecond: number; readonly towards?: Side }
  /** So many more bytes arrive, then both sides are reset. 0 with `when`: the answer to a request that was carried out is lost. */
  | { readonly verb: 'cut'; readonly after: number; readonly towards?: Side; readonly when?: string }
  /** The bytes of a request arrive twice. */
  | { readonly verb: 'duplicate'; readonly when?: string }
  /** Nothing passes in either direction, and neither side learns of the other's end. */
  | { readonly verb: 'half-open' }
  /** New connections are closed at once; the old ones live. */
  | { readonly verb: 'refuse' };
/** The name of a fault. */
export type Verb = Fault['verb'];
/** Who gets the bytes that a fault hits. Absent: either. */
export type Side = 'server' | 'client';

const VERBS = ['drop', 'stall', 'delay', 'throttle', 'cut', 'duplicate', 'half-open', 'refuse'] as const;
const SLICES_PER_SECOND = 20;

/** A proxy before one server. */
export type FaultProxy = {
  /** The server's address through this proxy. */
  readonly url: string;
  /** How often each fault hit a piece of traffic, or a connection. */
  readonly fired: Readonly<Record<Verb, number>>;
  /** From now on this happens, instead of what happened before; what was stalled goes on. */
  inject(fault: Fault): void;
  /** No fault any more. Connections that were half open are reset: nobody could use them again. */
  heal(): void;
  /** Connections now. */
  open(): number;
  close(): Promise<void>;
};

/** Starts a proxy to the server of `url`, on a free port. */
export async function startFaultProxy(url: string): Promise<FaultProxy> {
  const target = new URL(url);
  const gate = new Gate({ host: target.hostname, port: Number(target.port) });
  const through = new URL(url);
  through.hostname = '127.0.0.1';
  through.port = String(await gate.listen());
  return {
    url: through.href,
    fired: gate.fired,
    inject: (fault) => gate.change(fault),
    heal: () => gate.change(null),
    open: () => gate.pairs.size,
    close: () => gate.close(),
  };
}

/** Until when stalled bytes wait: `lifted` ends when this fault no longer holds. */
type Holding = { readonly fault: Fault; readonly lifted: Promise<void>; readonly lift: () => void; spent: boolean };

class Gate {
  readonly fired = Object.fromEntries(VERBS.map((verb) => [verb, 0])) as Record<Verb, number>;
  readonly pairs = new Set<Pair>();
  readonly #target: { readonly host: string; readonly port: number };
  readonly #server: Server;
  holding: Holding | null = null;

  constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
    return address.port;
  }

  change(fault: Fault | null): void {
    const before = this.holding;
    this.holding = null;
    if (fault !== null) {
      let lift = (): void => {};
      const lifted = new Promise<void>((resolve) => {
        lift = resolve;
      });
      this.holding = { fault, lifted, lift, spent: false };
    }
    before?.lift();
    if (before?.fault.verb === 'half-open') for (const pair of [...this.pairs]) if (pair.halfOpen) pair.reset();
  }

  async close(): Promise<void> {
    this.change(null);
    for (const pair of [...this.pairs]) pair.reset();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    if (this.holding?.fault.verb === 'refuse') {
      this.fired.refuse += 1;
      client.on('error', () => {}).resetAndDestroy();
      return;
    }
    this.pairs.add(new Pair(this, client, connect(this.#target)));
  }
}

/** One client with its connection to the server. Pieces of one direction keep their order. */
class Pair {
  readonly #gate: Gate;
  readonly #sockets: Readonly<Record<Side, Socket>>;
  readonly #lines: Record<Side, Promise<void>> = { server: Promise.resolve(), client: Promise.resolve() };
  /** The fault with `when` that this connection caught. */
  #caught: Holding | null = null;
  #left: number | null = null;
  halfOpen = false;

  constructor(gate: Gate, client: Socket, server: Socket) {
    this.#gate = gate;
    this.#sockets = { client, server };
    for (const [towards, from] of [
      ['server', client],
      ['client', server],
    ] as const) {
      from.on('data', (bytes) => {
        this.#lines[towards] = this.#lines[towards].then(() => this.#carry(bytes, towards)).catch(() => this.reset());
      });
      from.on('error', () => {});
      from.on('close', () => void this.#lines[towards].then(() => this.#ended()));
    }
  }

  reset(): void {
    this.#gate.pairs.delete(this);
    for (const socket of Object.values(this.#sockets)) if (!socket.destroyed) socket.resetAndDestroy();
  }

  #ended(): void {
    if (this.#gate.holding?.fault.verb !== 'half-open') return this.reset();
    this.halfOpen = true; // the other side hears nothing of it
    this.#gate.fired['half-open'] += 1;
  }

  /** The fault that holds for this piece. */
  #hit(bytes: Buffer, towards: Side): Holding | null {
    const now = this.#gate.holding;
    if (now === null) this.#caught = null;
    const when = now !== null && 'when' in now.fault ? now.fault.when : undefined;
    if (now !== null && when !== undefined && !now.spent && towards === 'server' && bytes.includes(when)) {
      now.spent = true;
      this.#caught = now;
    }
    const holding = when === undefined ? now : this.#caught;
    if (holding === null) return null;
    const only = 'towards' in holding.fault ? holding.fault.towards : undefined;
    return only === undefined || only === towards ? holding : null;
  }

  async #carry(bytes: Buffer, towards: Side): Promise<void> {
    const holding = this.#hit(bytes, towards);
    const to = this.#sockets[towards];
    if (holding === null) return void to.write(bytes);
    const { fault } = holding;
    if (fault.verb === 'refuse' || (fault.verb === 'duplicate' && towards === 'client')) return void to.write(bytes);
    this.#gate.fired[fault.verb] += 1;
    switch (fault.verb) {
      case 'drop':
        return;
      case 'half-open':
        this.halfOpen = true;
        return;
      case 'stall':
        await holding.lifted;
        to.write(bytes);
        return;
      case 'delay':
        await pause(fault.ms);
        to.write(bytes);
        return;
      case 'throttle':
        return trickle(to, bytes, fault.bytesPerSecond);
      case 'cut':
        return this.#cut(to, bytes, fault.after);
      case 'duplicate':
        this.#caught = null;
        to.write(Buffer.concat([bytes, bytes]));
    }
  }

  #cut(to: Socket, bytes: Buffer, after: number): void {
    this.#left ??= after;
    if (bytes.length < this.#left) {
      this.#left -= bytes.length;
      return void to.write(bytes);
    }
    // the last bytes must leave before the reset, which would overtake them
    if (this.#left === 0) return this.reset();
    to.write(bytes.subarray(0, this.#left), () => setTimeout(() => this.reset(), 20));
    this.#left = 0;
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function trickle(to: Socket, bytes: Buffer, bytesPerSecond: number): Promise<void> {
  const slice = Math.max(1, Math.floor(bytesPerSecond / SLICES_PER_SECOND));
  for (let at = 0; at < bytes.length; at += slice) {
    if (to.destroyed) return;
    to.write(bytes.subarray(at, at + slice));
    await pause(1_000 / SLICES_PER_SECOND);
  }
}
