/*
 * Logits → one id. Chance is a function of (seed, position) alone (Philox 2x32, 10 rounds), so a request draws the same ids
 * whoever shares the engine with it, and a turn continued after a cut draws what the uncut turn would have drawn.
 */

/** How a request samples. temperature 0 = greedy; topP in (0, 1]; seed a 32-bit unsigned integer. */
export type Sampling = { readonly temperature: number; readonly topP: number; readonly seed: number };

/** The logits of a step hold NaN or nothing but −∞: the request must fail, the engine goes on. */
export class LogitsNotFinite extends Error {
  readonly code = 'logits_not_finite';
}

/** Which ids may come next: null allows all. Called with the id. */
export type Allowed = ((id: number) => boolean) | null;

/** Draws the id at `position` (0 is the turn's first sampled token). Ties go to the lower id. @throws LogitsNotFinite */
export function sample(logits: Float32Array, sampling: Sampling, position: number, allowed: Allowed): number {
  let best = -1;
  for (let id = 0; id < logits.length; id++) {
    if (Number.isNaN(logits[id])) throw new LogitsNotFinite(`logit ${id} is NaN`);
    if ((best < 0 || logits[id] > logits[best]) && (allowed === null || allowed(id))) best = id;
  }
  if (best < 0 || !Number.isFinite(logits[best])) throw new LogitsNotFinite('no id with a finite logit may come next');
  if (sampling.temperature === 0) return best;
  return draw(candidates(logits, sampling, logits[best], allowed), sampling.topP, uniform(sampling.seed, position));
}

type Candidate = { readonly id: number; readonly weight: number };

/** Ids worth sorting. Those under 1e-12 of the best are dropped: a whole vocabulary of them would be drawn once in millions of tokens. */
function candidates(logits: Float32Array, sampling: Sampling, max: number, allowed: Allowed): readonly Candidate[] {
  const out: Candidate[] = [];
  for (let id = 0; id < logits.length; id++) {
    const weight = Math.exp((logits[id] - max) / sampling.temperature);
    if (weight > 1e-12 && (allowed === null || allowed(id))) out.push({ id, weight });
  }
  return out.sort((a, b) => b.weight - a.weight || a.id - b.id);
}

/** Nucleus: the fewest most likely ids whose share reaches topP, then a draw among them. */
function draw(sorted: readonly Candidate[], topP: number, chance: number): number {
  const total = sorted.reduce((sum, { weight }) => sum + weight, 0);
  let kept = 0;
  let mass = 0;
  while (kept < sorted.length && (kept === 0 || mass < topP * total)) mass += sorted[kept++].weight;
  let left = chance * mass;
  for (let i = 0; i < kept; i++) {
    left -= sorted[i].weight;
    if (left < 0) return sorted[i].id;
  }
  return sorted[kept - 1].id;
}

/** A number in [0, 1) with 53 random bits, decided by seed and counter. */
export function uniform(seed: number, counter: number): number {
  let a = counter >>> 0;
  let b = Math.floor(counter / 2 ** 32) >>> 0;
  let key = seed >>> 0;
  for (let round = 0; round < 10; round++) {
    const product = BigInt(a) * 0xd256d193n;
    const high = Number(product >> 32n);
    const low = Number(product & 0xffffffffn);
    a = (high ^ key ^ b) >>> 0;
    b = low;
    key = (key + 0x9e3779b9) >>> 0;
  }
  return ((a >>> 5) * 2 ** 26 + (b >>> 6)) / 2 ** 53;
}
