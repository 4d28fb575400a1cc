/** Time as this package uses it: only to wait and to give up. What is compared in Postgres is Postgres's own clock. */
export interface System {
  /** Monotonic milliseconds. */
  elapsed(): number;
  sleep(ms: number): Promise<void>;
  /** Calls `tick` every `ms` until stopped; a timer does not keep the process alive. */
  every(ms: number, tick: () => void): { readonly stop: () => void };
  /** Calls once after `ms`. */
  after(ms: number, call: () => void): { readonly stop: () => void };
}

/** The machine's own time. */
export const realSystem: System = {
  elapsed: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  every: (ms, tick) => {
    const timer = setInterval(tick, ms);
    timer.unref();
    return { stop: () => clearInterval(timer) };
  },
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    timer.unref();
    return { stop: () => clearTimeout(timer) };
  },
};
