import { createServer } from 'node:net';
import { StartFailure } from './failure.ts';

const TRIES = 50;

/** True when a listener could be opened on the port just now. */
export function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, host, () => probe.close(() => resolve(true)));
  });
}

/** Some port on 127.0.0.1 that nobody listens on now. */
export function anyFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

/** What a listener wants: `explicit` ports are taken or refused, others give way to the next free one. */
export type PortWish = {
  readonly variable: string;
  readonly port: number;
  readonly explicit: boolean;
  readonly host: string;
};

/** The port to listen on. `taken`: ports promised to other parts of this start. Throws `port_taken`. */
export async function choosePort(wish: PortWish, taken: readonly number[]): Promise<number> {
  const { port, host, explicit, variable } = wish;
  if (explicit && port === 0) return anyFreePort();
  for (let candidate = port; candidate < Math.min(port + TRIES, 65_536); candidate++) {
    if (!taken.includes(candidate) && (await isFree(candidate, host))) return candidate;
    if (explicit) break;
  }
  throw new StartFailure(
    'port_taken',
    `port ${port} on ${host} is taken`,
    `stop what listens there, or set ${variable} to another port`,
  );
}
