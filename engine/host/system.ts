/* Time and chance, the only places the engine takes them from. */
import { randomInt, randomUUID } from 'node:crypto';

/** Ports to the outside; tests bring their own. */
export type System = {
  /** Wall-clock milliseconds since the epoch. */
  readonly now: () => number;
  /** An identifier never given before. */
  readonly newId: () => string;
  /** A seed for a request that brings none: 32 bits. */
  readonly drawSeed: () => number;
};

/** The real thing. */
export const realSystem: System = {
  now: () => Date.now(),
  newId: () => randomUUID(),
  drawSeed: () => randomInt(2 ** 32),
};
