/*
 * A JSON value as rows of a list: only what is open becomes a row, so that a large value costs what is seen of it.
 */

/** Any JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** One line of the viewer. `path` is unique; `count` is the number of children of an object or list. */
export type JsonRow =
  | {
      readonly kind: 'leaf';
      readonly path: string;
      readonly depth: number;
      readonly name: string | null;
      readonly value: null | boolean | number | string;
    }
  | {
      readonly kind: 'open' | 'closed';
      readonly path: string;
      readonly depth: number;
      readonly name: string | null;
      readonly list: boolean;
      readonly count: number;
    }
  | { readonly kind: 'end'; readonly path: string; readonly depth: number; readonly list: boolean }
  | { readonly kind: 'more'; readonly path: string; readonly depth: number; readonly hidden: number };

/** From this depth on, and from this many children on, a branch begins closed. */
export const OPEN_DEPTH = 2;
const OPEN_CHILDREN = 50;
/** Children shown of an open branch before "more". */
export const CHUNK = 200;

/** What a person opened, closed or asked to see more of, by path. */
export type Toggled = { readonly flipped: ReadonlySet<string>; readonly shown: ReadonlyMap<string, number> };

const childrenOf = (value: readonly Json[] | { readonly [key: string]: Json }): readonly (readonly [string, Json])[] =>
  Array.isArray(value) ? value.map((child, index): [string, Json] => [String(index), child]) : Object.entries(value);

/** The rows of a value in reading order. */
export function jsonRows(value: Json, toggled: Toggled): readonly JsonRow[] {
  const rows: JsonRow[] = [];
  addRows(rows, { value, name: null, path: '$', depth: 0 }, toggled);
  return rows;
}

type Visit = { readonly value: Json; readonly name: string | null; readonly path: string; readonly depth: number };

function addRows(rows: JsonRow[], { value, name, path, depth }: Visit, toggled: Toggled): void {
  if (value === null || typeof value !== 'object') {
    rows.push({ kind: 'leaf', path, depth, name, value });
    return;
  }
  const list = Array.isArray(value);
  const children = childrenOf(value);
  const opensByItself = depth < OPEN_DEPTH && children.length <= OPEN_CHILDREN;
  const open = children.length > 0 && opensByItself !== toggled.flipped.has(path);
  rows.push({ kind: open ? 'open' : 'closed', path, depth, name, list, count: children.length });
  if (!open) return;
  const shown = toggled.shown.get(path) ?? CHUNK;
  for (const [key, child] of children.slice(0, shown))
    addRows(rows, { value: child, name: list ? null : key, path: `${path}.${key}`, depth: depth + 1 }, toggled);
  if (children.length > shown) rows.push({ kind: 'more', path, depth: depth + 1, hidden: children.length - shown });
  rows.push({ kind: 'end', path: `${path}/end`, depth, list });
}
