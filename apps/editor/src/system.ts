/*
 * The outside of the editor: time, chance and the network, in one file, so that the rest can be read and tested without.
 */

/** Wall-clock milliseconds. */
export const now = (): number => Date.now();

/** Chance: 0 ≤ x < 1. Not for secrets. */
export const random = (): number => Math.random();

/** Runs something once after `ms`; the answer calls it off. */
export function later(run: () => void, ms: number): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}

/** Runs something every `ms` until the answer is called. */
export function every(run: () => void, ms: number): () => void {
  const timer = setInterval(run, ms);
  return () => clearInterval(timer);
}

/** The browser's fetch. */
export const ask = (address: string, options: RequestInit): Promise<Response> => fetch(address, options);

/** An unguessable word of 22 letters and digits, for addresses. */
export const secretWord = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(22)), (byte) => 'abcdefghijkmnpqrstuvwxyz23456789'[byte % 32]).join(
    '',
  );
