/*
 * Which experts a token visits, and with what weight. The correction bias chooses and never weighs; all of it runs in full
 * precision, because a bias rounded to BF16 changes the chosen set for most tokens.
 */
import type { ModelConfig } from './config.ts';

/** Router of one layer. @property bias (experts), absent in the V2 family */
export type RouterRule = Pick<
  ModelConfig,
  | 'routedExperts'
  | 'expertsPerToken'
  | 'groups'
  | 'topGroups'
  | 'routing'
  | 'scoring'
  | 'normalizeWeights'
  | 'routedScale'
>;

/** Chosen experts by falling choice (ties: the lower id first) and their weights. Both (expertsPerToken). */
export type Route = { readonly experts: readonly number[]; readonly weights: readonly number[] };

/** Routes one token. @param logits (experts) = W_g · x @param bias (experts) or null */
export function route(rule: RouterRule, logits: Float32Array, bias: Float32Array | null): Route {
  const scores =
    rule.scoring === 'sigmoid' ? Float32Array.from(logits, (z) => 1 / (1 + Math.exp(-z))) : softmax(logits);
  const choice = scores.map((score, e) => (bias === null ? score : score + bias[e]));
  if (rule.groups > 1 && rule.routing !== 'greedy') maskGroups(rule, choice);
  const experts = topIndexes(choice, rule.expertsPerToken);
  const raw = experts.map((e) => scores[e]);
  const sum = rule.normalizeWeights ? raw.reduce((a, b) => a + b, 0) + 1e-20 : 1;
  return { experts, weights: raw.map((weight) => (weight / sum) * rule.routedScale) };
}

/** Experts outside the best groups become −∞ (not 0: a kept expert's choice may be negative). */
function maskGroups(rule: RouterRule, choice: Float32Array): void {
  const size = rule.routedExperts / rule.groups;
  const counted = rule.routing === 'noaux_tc' ? 2 : 1;
  const groupScores = Float32Array.from({ length: rule.groups }, (_, g) => {
    const group = choice.subarray(g * size, (g + 1) * size);
    return topIndexes(group, counted).reduce((sum, i) => sum + group[i], 0);
  });
  const kept = topIndexes(groupScores, rule.topGroups);
  for (let e = 0; e < choice.length; e++)
    if (!kept.includes(Math.floor(e / size))) choice[e] = Number.NEGATIVE_INFINITY;
}

function topIndexes(values: Float32Array, count: number): readonly number[] {
  const chosen: number[] = [];
  while (chosen.length < Math.min(count, values.length)) {
    let best = -1;
    for (let i = 0; i < values.length; i++) {
      if (!chosen.includes(i) && (best < 0 || values[i] > values[best])) best = i;
    }
    chosen.push(best);
  }
  return chosen;
}

function softmax(logits: Float32Array): Float32Array {
  const max = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = Float64Array.from(logits, (z) => Math.exp(z - max));
  const sum = powers.reduce((a, b) => a + b, 0);
  return Float32Array.from(powers, (p) => p / sum);
}
