/* Feed-forward parts: SwiGLU, and the mixture of routed experts plus a shared one. */
import type { ModelConfig } from './config.ts';
import { linear } from './linear.ts';
import { type Route, route } from './router.ts';
import type { FeedForward, SwiGlu } from './weights.ts';

/** FFN(x) = dense SwiGLU, or Σ_k weight_k · expert_k(x) + shared(x). @param x (tokens, hidden) @returns (tokens, hidden) */
export function feedForward(part: FeedForward, config: ModelConfig, x: Float32Array): Float32Array {
  const tokens = x.length / config.hiddenSize;
  if (part.kind === 'dense') return swiGlu(part.mlp, x, tokens);
  const logits = new Float32Array(tokens * config.routedExperts); // (tokens, experts)
  linear(part.gate, x, tokens, logits);
  const routes = Array.from({ length: tokens }, (_, t) =>
    route(config, logits.subarray(t * config.routedExperts, (t + 1) * config.routedExperts), part.bias),
  );
  const out = part.shared === null ? new Float32Array(x.length) : swiGlu(part.shared, x, tokens);
  for (const [e, expert] of part.experts.entries()) visitExpert(expert, visitorsOf(routes, e), x, out);
  return out;
}

type Visitor = { readonly token: number; readonly weight: number };

function visitorsOf(routes: readonly Route[], expert: number): readonly Visitor[] {
  const visitors: Visitor[] = [];
  for (let token = 0; token < routes.length; token++) {
    const at = routes[token].experts.indexOf(expert);
    if (at >= 0) visitors.push({ token, weight: routes[token].weights[at] });
  }
  return visitors;
}

/** Runs an expert once over all its tokens, so that each weight row is read once; sums run in expert order whatever the batch. */
function visitExpert(expert: SwiGlu, visitors: readonly Visitor[], x: Float32Array, out: Float32Array): void {
  if (visitors.length === 0) return;
  const hidden = expert.down.rows;
  const gathered = new Float32Array(visitors.length * hidden);
  for (const [i, { token }] of visitors.entries()) {
    gathered.set(x.subarray(token * hidden, (token + 1) * hidden), i * hidden);
  }
  const y = swiGlu(expert, gathered, visitors.length);
  visitors.forEach(({ token, weight }, i) => {
    for (let d = 0; d < hidden; d++) out[token * hidden + d] += weight * y[i * hidden + d];
  });
}

/** down(silu(gate(x)) ⊙ up(x)). @param x (tokens, hidden) @returns (tokens, hidden) */
function swiGlu(mlp: SwiGlu, x: Float32Array, tokens: number): Float32Array {
  const gate = new Float32Array(tokens * mlp.gate.rows);
  const up = new Float32Array(tokens * mlp.up.rows);
  linear(mlp.gate, x, tokens, gate);
  linear(mlp.up, x, tokens, up);
  for (let i = 0; i < gate.length; i++) gate[i] = (gate[i] / (1 + Math.exp(-gate[i]))) * up[i];
  const out = new Float32Array(tokens * mlp.down.rows);
  linear(mlp.down, gate, tokens, out);
  return out;
}
