/*
 * The sandbox's clock. It is not a port: a deadline that a test could stop would not be one.
 */

/** Milliseconds since some fixed point, never going back. */
export const monotonicMs = (): number => performance.now();

/** Runs `act` once after `ms`; the answer takes it back. Does not keep the process alive. */
export function after(ms: number, act: () => void): () => void {
  const timer = setTimeout(act, ms);
  timer.unref();
  return () => clearTimeout(timer);
}
