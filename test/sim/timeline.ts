/*
 * Time and chance of a simulation. Nothing here waits: the timeline jumps to the next thing that is due. All that happens
 * follows from the seed.
 */

/** Repeatable chance: mulberry32. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1). */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** Uniform in [from, to). */
  between(from: number, to: number): number {
    return from + this.fraction() * (to - from);
  }

  /** An integer in [0, count). */
  below(count: number): number {
    return Math.floor(this.fraction() * count);
  }

  /** True with this probability. */
  happens(probability: number): boolean {
    return this.fraction() < probability;
  }
}

/** Something that will happen, unless it is called off. */
export type Appointment = { at: number; order: number; call: (() => void) | null };

/** The virtual clock: milliseconds since its beginning, and what is due when. A binary heap. */
export class Timeline {
  #now = 0;
  #order = 0;
  readonly #heap: Appointment[] = [];

  get now(): number {
    return this.#now;
  }

  /** Appointments not yet kept. */
  get size(): number {
    return this.#heap.length;
  }

  /** Calls after `ms`; those due at one time in the order of their making. */
  after(ms: number, call: () => void): Appointment {
    const made: Appointment = { at: this.#now + Math.max(0, ms), order: this.#order++, call };
    this.#heap.push(made);
    this.#rise(this.#heap.length - 1);
    return made;
  }

  /** Keeps the next appointment; false when there is none. */
  step(): boolean {
    for (;;) {
      const next = this.#pop();
      if (next === undefined) return false;
      if (next.call === null) continue;
      this.#now = Math.max(this.#now, next.at);
      next.call();
      return true;
    }
  }

  #pop(): Appointment | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    heap[0] = last;
    this.#sink();
    return top;
  }

  #rise(from: number): void {
    const heap = this.#heap;
    for (let i = from; i > 0; ) {
      const up = (i - 1) >> 1;
      if (!this.#swapIfBefore(heap, i, up)) return;
      i = up;
    }
  }

  #sink(): void {
    const heap = this.#heap;
    for (let i = 0; ; ) {
      const left = 2 * i + 1;
      const right = left + 1;
      if (left >= heap.length) return;
      const least = right < heap.length && isBefore(heap[right], heap[left]) ? right : left;
      if (!this.#swapIfBefore(heap, least, i)) return;
      i = least;
    }
  }

  #swapIfBefore(heap: Appointment[], lower: number, upper: number): boolean {
    const [a, b] = [heap[lower], heap[upper]];
    if (a === undefined || b === undefined || !isBefore(a, b)) return false;
    heap[lower] = b;
    heap[upper] = a;
    return true;
  }
}

const isBefore = (a: Appointment | undefined, b: Appointment | undefined): boolean =>
  a !== undefined && b !== undefined && (a.at < b.at || (a.at === b.at && a.order < b.order));

/** Lets everything that is ready go on, until all wait for the timeline. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
