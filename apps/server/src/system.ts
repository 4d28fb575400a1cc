/** Time as the server needs it; the only file of this app that reads the machine's clock and sets timers. */
export interface Clock {
  /** Wall clock, milliseconds. */
  now(): number;
  /** Runs once after `ms`; the answer cancels. */
  later(ms: number, run: () => void): () => void;
  /** Runs every `ms` until cancelled. */
  every(ms: number, run: () => void): () => void;
}

/** The machine's clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  later: (ms, run) => {
    const timer = setTimeout(run, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
  every: (ms, run) => {
    const timer = setInterval(run, ms);
    timer.unref();
    return () => clearInterval(timer);
  },
};
