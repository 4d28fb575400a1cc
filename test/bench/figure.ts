import { cpus } from 'node:os';

/** One printed figure (docs of the format: docs/benchmarks.md). `value` is a median; what was not measured is absent. */
export type Figure = {
  readonly bench: string;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  readonly n: number;
  readonly spread?: readonly [number, number];
  readonly peer?: { readonly name: string; readonly value: number };
  readonly limit?: { readonly name: string; readonly value: number };
};

/** Writes a figure as one JSON line on stdout. */
export const print = (figure: Figure): void => {
  const round = (value: number): number => Number(value.toPrecision(5));
  const line = {
    ...figure,
    value: round(figure.value),
    ...(figure.spread ? { spread: figure.spread.map(round) } : {}),
    machine: `${cpus().length} vCPU ${cpus()[0]?.model ?? ''}`.trim(),
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
};

/** The middle of a list; NaN for none. */
export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
};

/** Smallest and largest. */
export const spread = (values: readonly number[]): [number, number] => [Math.min(...values), Math.max(...values)];
