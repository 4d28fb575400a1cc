/*
 * Byte-pair merge of one word: the adjacent pair of lowest rank joins first, the leftmost among equals. A heap over a linked
 * list keeps it at O(n log n), because a word can be a megabyte of one letter.
 */

/** A candidate merge: the part that begins at byte `at`, joined with its successor up to byte `end`. */
type Candidate = { readonly rank: number; readonly at: number; readonly end: number };

/** Ids of a word. @param word bytes as Latin-1 @param ranks every single byte has a rank */
export function mergeBytePairs(word: string, ranks: ReadonlyMap<string, number>): readonly number[] {
  const whole = ranks.get(word);
  if (whole !== undefined) return [whole];
  const next = Int32Array.from({ length: word.length + 1 }, (_, i) => i + 1); // where the part that begins at i ends
  const previous = Int32Array.from({ length: word.length + 1 }, (_, i) => i - 1);
  const dead = new Uint8Array(word.length + 1);
  const heap: Candidate[] = [];
  const offer = (at: number): void => {
    const middle = next[at];
    if (at < 0 || middle === undefined || middle >= word.length) return;
    const end = next[middle];
    const rank = ranks.get(word.slice(at, end));
    if (rank !== undefined) push(heap, { rank, at, end });
  };
  for (let i = 0; i + 1 < word.length; i++) offer(i);
  for (let best = pop(heap); best !== undefined; best = pop(heap)) {
    const middle = next[best.at];
    if (dead[best.at] === 1 || middle >= word.length || next[middle] !== best.end) continue;
    dead[middle] = 1;
    next[best.at] = best.end;
    previous[best.end] = best.at;
    offer(best.at);
    if (previous[best.at] >= 0) offer(previous[best.at]);
  }
  const ids: number[] = [];
  for (let at = 0; at < word.length; at = next[at]) ids.push(rankOf(word.slice(at, next[at]), ranks));
  return ids;
}

function rankOf(part: string, ranks: ReadonlyMap<string, number>): number {
  const rank = ranks.get(part);
  if (rank === undefined) throw new RangeError('the vocabulary lacks a single byte');
  return rank;
}

function before(a: Candidate, b: Candidate): boolean {
  return a.rank < b.rank || (a.rank === b.rank && a.at < b.at);
}

function push(heap: Candidate[], item: Candidate): void {
  let i = heap.length;
  heap.push(item);
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if (!before(item, heap[parent])) break;
    heap[i] = heap[parent];
    i = parent;
  }
  heap[i] = item;
}

function pop(heap: Candidate[]): Candidate | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return top;
  let i = 0;
  for (let child = 1; child < heap.length; child = 2 * i + 1) {
    if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
    if (!before(heap[child], last)) break;
    heap[i] = heap[child];
    i = child;
  }
  heap[i] = last;
  return top;
}
