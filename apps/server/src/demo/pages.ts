import { createHash } from 'node:crypto';
import wordings from '../../ready/pages.json' with { type: 'json' };

/*
 * Chains of pages without a table. Every page (word, number) is one number i under a keyed permutation, and i says which
 * chain it belongs to and how many links are left: i = start of its class + chain x size + links left. The next page is
 * i - 1, the last one has no links left. So a chain of any length outlives restarts and needs no memory.
 *
 * Numbers have three different digits in which no two neighbours stand side by side in the port or in 127: the model in
 * the box copies such addresses best: four digits go wrong far more often, and 707 beside port 7070 ran away.
 */

/** Pages that a chain of each class of chains has room for, and the class's share of all pages. Short chains are many, long ones few. */
const CLASSES = [
  { size: 8, share: 0.3 },
  { size: 64, share: 0.25 },
  { size: 320, share: 0.45 },
] as const;

/** Pages of the longest chain. */
export const MAX_LINKS = 320;

/** One in so many of the numbers beside a word is a page: an address copied wrong leads nowhere rather than into another chain. */
const SPARSE = 8;

const { words: WORDS, things: THINGS } = wordings;
const LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZ';

/** A page's address under /demo/. */
export type PageName = { readonly word: string; readonly number: number };

/** What stands on a page. */
export type Page =
  | { readonly kind: 'link'; readonly next: PageName; readonly line: number }
  | { readonly kind: 'last'; readonly thing: string; readonly code: string; readonly line: number };

/** The pages of a server on one port. */
export interface Pages {
  /** Null when there is no such page. */
  read(name: PageName): Page | null;
  /** The first page of a chain of `links` pages (1 to MAX_LINKS), the last with the thing on it; the same seed gives the same chain. Throws RangeError. */
  start(links: number, seed: number): { readonly page: PageName; readonly thing: string };
}

/** The pages that a server on this port has. */
export function pagesOf(port: number): Pages {
  const numbers = numbersBeside(port);
  const rounds = Math.floor(numbers.length / SPARSE);
  const classes = laidOut(WORDS.length * rounds);
  const nameOf = (i: number): PageName => {
    const round = Math.floor(i / WORDS.length);
    const word = shuffled(WORDS, `words ${round}`)[i % WORDS.length] ?? '';
    return { word, number: shuffled(numbers, `numbers ${word}`)[round] ?? 0 };
  };
  return {
    start: (links, seed) => {
      const found = classes.find(({ size }) => links <= size);
      if (found === undefined || links < 1 || !Number.isInteger(links)) throw new RangeError(`1 to ${MAX_LINKS} links`);
      const chain = hashOf(`seed ${seed}`) % found.chains;
      const first = found.from + chain * found.size;
      return { page: nameOf(first + links - 1), thing: thingOf(first) };
    },
    read: ({ word, number }) => {
      const round = shuffled(numbers, `numbers ${word}`).indexOf(number);
      if (!WORDS.includes(word) || round < 0 || round >= rounds) return null;
      const i = round * WORDS.length + shuffled(WORDS, `words ${round}`).indexOf(word);
      const found = classes.find(({ from, chains, size }) => i >= from && i < from + chains * size);
      if (found === undefined) return null;
      const left = (i - found.from) % found.size;
      const line = hashOf(`line ${i}`);
      if (left > 0) return { kind: 'link', next: nameOf(i - 1), line };
      return { kind: 'last', thing: thingOf(i), code: codeOf(i), line };
    },
  };
}

type Laid = { readonly size: number; readonly from: number; readonly chains: number };

function laidOut(pages: number): readonly Laid[] {
  let from = 0;
  return CLASSES.map(({ size, share }) => {
    const laid = { size, from, chains: Math.floor((pages * share) / size) };
    from += laid.chains * size;
    return laid;
  });
}

/** Numbers from 102 to 987 that are hard to confuse with what else stands in the address. */
function numbersBeside(port: number): readonly number[] {
  const beside = [String(port), '127'];
  const clear = (text: string): boolean =>
    new Set(text).size === 3 &&
    !beside.some((other) => other.includes(text.slice(0, 2)) || other.includes(text.slice(1)));
  return Array.from({ length: 900 }, (_, i) => i + 100).filter((number) => clear(String(number)));
}

const thingOf = (last: number): string => THINGS[hashOf(`thing ${last}`) % THINGS.length] ?? '';

function codeOf(last: number): string {
  const length = 4 + (hashOf(`length ${last}`) % 4);
  return Array.from({ length }, (_, i) => LETTERS[hashOf(`code ${last} ${i}`) % LETTERS.length]).join('');
}

/** 32 bits of a hash. Not a secret: it only makes addresses look unlike each other, the same on every machine. */
function hashOf(text: string): number {
  return createHash('sha256').update(`switchyard demo ${text}`).digest().readUInt32BE(0);
}

/** The list in an order drawn from a name (Fisher-Yates over mulberry32); the same name gives the same order. */
function shuffled<T>(list: readonly T[], name: string): readonly T[] {
  const order = [...list];
  let state = hashOf(name);
  for (let i = order.length - 1; i > 0; i--) {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    const j = ((t ^ (t >>> 14)) >>> 0) % (i + 1);
    const [a, b] = [order[i], order[j]];
    if (a !== undefined && b !== undefined) [order[i], order[j]] = [b, a];
  }
  return order;
}
