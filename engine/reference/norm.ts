/** y[t] = x[t] · rsqrt(mean(x[t]²) + eps) · weight. @param x (tokens, width) @param weight (width) @returns (tokens, width) */
export function rmsNorm(x: Float32Array, weight: Float32Array, eps: number): Float32Array {
  const width = weight.length;
  const out = new Float32Array(x.length);
  for (let at = 0; at < x.length; at += width) {
    let squares = 0;
    for (let i = 0; i < width; i++) squares += x[at + i] * x[at + i];
    const scale = 1 / Math.sqrt(squares / width + eps);
    for (let i = 0; i < width; i++) out[at + i] = x[at + i] * scale * weight[i];
  }
  return out;
}
