/** A source of chance: 0 ≤ x < 1. The browser's own in the product, a fixed one in tests. */
export type Random = () => number;

const LETTERS = 'abcdefghijkmnpqrstuvwxyz23456789';

const word = (random: Random, length: number): string =>
  Array.from({ length }, () => LETTERS[Math.floor(random() * LETTERS.length)]).join('');

/**
 * A node id that reads well in expressions (`fetch`, `fetch_2`), made of the wanted name.
 * Guarantees an id that matches the document's `ElementId` and is not in `taken`.
 */
export function nodeId(wanted: string, taken: ReadonlySet<string>): string {
  const cleaned = wanted
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^[^a-z]+|_+$/g, '')
    .slice(0, 40);
  const stem = cleaned === '' ? 'step' : cleaned;
  if (!taken.has(stem)) return stem;
  for (let number = 2; ; number += 1) {
    const id = `${stem}_${number}`;
    if (!taken.has(id)) return id;
  }
}

/** An edge or note id: short, random, not in `taken`. `prefix` is one letter and says what it names. */
export function elementId(prefix: 'e' | 'n', taken: ReadonlySet<string>, random: Random): string {
  for (;;) {
    const id = `${prefix}_${word(random, 8)}`;
    if (!taken.has(id)) return id;
  }
}
