import type { Violation } from '@switchyard/journal';

/** A share of the work, small enough that two children end at about the same time. */
export type Job =
  | { readonly kind: 'simulate'; readonly seed: number; readonly runs: number; readonly cancels?: number | undefined }
  | { readonly kind: 'count' }
  | { readonly kind: 'points'; readonly from: number; readonly to: number };

/** What a share showed. Counts are added up over all shares. */
export type Outcome = {
  readonly seed: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly fired: Readonly<Record<string, number>>;
  readonly violations: readonly Violation[];
};

/** Sums of all shares. */
export type Total = {
  readonly counts: Readonly<Record<string, number>>;
  readonly fired: Readonly<Record<string, number>>;
  readonly violations: readonly (Violation & { readonly seed: number })[];
};

/** Adds outcomes up. */
export function totalOf(outcomes: readonly Outcome[]): Total {
  const add = (pick: (outcome: Outcome) => Readonly<Record<string, number>>) => {
    const sum: Record<string, number> = {};
    for (const outcome of outcomes)
      for (const [name, count] of Object.entries(pick(outcome))) sum[name] = (sum[name] ?? 0) + count;
    return Object.fromEntries(Object.entries(sum).sort(([a], [b]) => (a < b ? -1 : 1)));
  };
  return {
    counts: add(({ counts }) => counts),
    fired: add(({ fired }) => fired),
    violations: outcomes.flatMap(({ seed, violations }) => violations.map((violation) => ({ ...violation, seed }))),
  };
}
