/*
 * The two products everything is made of. Each output is ONE sum, taken left to right in double precision and rounded to
 * float once: the tiles below only choose which sums run side by side, so a value never depends on how many tokens share
 * the call. V8 has no float arithmetic; what pays is reusing each loaded (and widened) number: 2 rows x 4 tokens uses six
 * loads for eight products, against five for four with one token (measured on 512 x 192: 36 µs a token against 45).
 */
import type { Matrix } from './matrix.ts';

/** out[t, r] = Σ_c w[r, c] · x[t, c]. @param x (tokens, columns) @param out (tokens, rows), overwritten */
export function linear(w: Matrix, x: Float32Array, tokens: number, out: Float32Array): void {
  let t = 0;
  for (; t + 4 <= tokens; t += 4) fourTokens(w, x, t, out);
  for (; t < tokens; t++) oneToken(w, x, t, out);
}

function fourTokens(w: Matrix, x: Float32Array, token: number, out: Float32Array): void {
  const { rows, columns, data } = w;
  const x0 = token * columns;
  const x1 = x0 + columns;
  const x2 = x1 + columns;
  const x3 = x2 + columns;
  const o0 = token * rows;
  const even = rows & ~1;
  for (let r = 0; r < even; r += 2) {
    const w0 = r * columns;
    const w1 = w0 + columns;
    let a0 = 0,
      a1 = 0,
      a2 = 0,
      a3 = 0,
      b0 = 0,
      b1 = 0,
      b2 = 0,
      b3 = 0;
    for (let c = 0; c < columns; c++) {
      const a = data[w0 + c];
      const b = data[w1 + c];
      const p = x[x0 + c];
      const q = x[x1 + c];
      const s = x[x2 + c];
      const u = x[x3 + c];
      a0 += a * p;
      b0 += b * p;
      a1 += a * q;
      b1 += b * q;
      a2 += a * s;
      b2 += b * s;
      a3 += a * u;
      b3 += b * u;
    }
    out[o0 + r] = a0;
    out[o0 + r + 1] = b0;
    out[o0 + rows + r] = a1;
    out[o0 + rows + r + 1] = b1;
    out[o0 + 2 * rows + r] = a2;
    out[o0 + 2 * rows + r + 1] = b2;
    out[o0 + 3 * rows + r] = a3;
    out[o0 + 3 * rows + r + 1] = b3;
  }
  if (even < rows) for (let t = token; t < token + 4; t++) out[t * rows + even] = rowDot(w, even, x, t * columns);
}

function oneToken(w: Matrix, x: Float32Array, token: number, out: Float32Array): void {
  const { rows, columns, data } = w;
  const xt = token * columns;
  const ot = token * rows;
  let r = 0;
  for (; r + 4 <= rows; r += 4) {
    const w0 = r * columns;
    const w1 = w0 + columns;
    const w2 = w1 + columns;
    const w3 = w2 + columns;
    let a = 0,
      b = 0,
      d = 0,
      e = 0;
    for (let c = 0; c < columns; c++) {
      const p = x[xt + c];
      a += data[w0 + c] * p;
      b += data[w1 + c] * p;
      d += data[w2 + c] * p;
      e += data[w3 + c] * p;
    }
    out[ot + r] = a;
    out[ot + r + 1] = b;
    out[ot + r + 2] = d;
    out[ot + r + 3] = e;
  }
  for (; r < rows; r++) out[ot + r] = rowDot(w, r, x, xt);
}

function rowDot({ columns, data }: Matrix, row: number, x: Float32Array, at: number): number {
  let sum = 0;
  for (let c = 0; c < columns; c++) sum += data[row * columns + c] * x[at + c];
  return sum;
}

/** Rows of values that start every `stride` floats; the first `width` floats of a row count. */
export type Rows = { readonly data: Float32Array; readonly stride: number; readonly width: number };

/** out[q, k] = Σ_t p[q, t] · rows[t, k]. @param p (queries, count) @param out (queries, width), overwritten */
export function weightedSum(p: Float32Array, rows: Rows, count: number, out: Float32Array): void {
  const { width } = rows;
  const queries = out.length / width;
  const sums = new Float64Array(8);
  for (let q = 0; q < queries; q += 2) {
    const second = Math.min(q + 1, queries - 1); // an odd last query is summed twice, into the same place
    for (let k = 0; k < width; k += 4) {
      fourColumns(rows, { p, first: q * count, second: second * count, count, column: k }, sums);
      for (let i = 0; i < Math.min(4, width - k); i++) {
        out[q * width + k + i] = sums[i];
        out[second * width + k + i] = sums[4 + i];
      }
    }
  }
}

type TwoQueries = {
  readonly p: Float32Array;
  readonly first: number;
  readonly second: number;
  readonly count: number;
  readonly column: number;
};

/** Four columns of two queries. Columns beyond the row's width are summed too (they exist in the row or read as NaN) and not used. */
function fourColumns(
  { data, stride }: Rows,
  { p, first, second, count, column }: TwoQueries,
  sums: Float64Array,
): void {
  let a0 = 0,
    a1 = 0,
    a2 = 0,
    a3 = 0,
    b0 = 0,
    b1 = 0,
    b2 = 0,
    b3 = 0;
  for (let t = 0, at = column; t < count; t++, at += stride) {
    const a = p[first + t];
    const b = p[second + t];
    const c0 = data[at];
    const c1 = data[at + 1];
    const c2 = data[at + 2];
    const c3 = data[at + 3];
    a0 += a * c0;
    a1 += a * c1;
    a2 += a * c2;
    a3 += a * c3;
    b0 += b * c0;
    b1 += b * c1;
    b2 += b * c2;
    b3 += b * c3;
  }
  sums.set([a0, a1, a2, a3, b0, b1, b2, b3]);
}
