import type { Node } from 'oxc-parser';
import { codeLines, type Report, type Source, visitNodes } from './source.ts';

/** Code lines: blank lines and comments do not count. */
const FILE = { p90: 200, most: 400 } as const;
const FUNCTION = { p99: 50, most: 80 } as const;

type Measured = { readonly where: string; readonly lines: number };

const quantile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
};

/** Sizes of files. */
export function checkFileSizes(sources: readonly Source[]): Report {
  const files = sources.filter((source) => !source.isTest);
  const sizes = files.map((source) => ({ where: source.path, lines: codeLines(source).size }));
  const p90 = quantile(
    sizes.map(({ lines }) => lines),
    0.9,
  );
  const problems = tooLong(sizes, FILE.most);
  if (p90 > FILE.p90) problems.push(`the 90th percentile of files is ${p90} lines, the budget ${FILE.p90}`);
  const largest = Math.max(0, ...sizes.map(({ lines }) => lines));
  return {
    gate: 'file sizes',
    looked: `${files.length} files, p90 ${p90}, max ${largest} lines`,
    count: files.length,
    problems,
  };
}

/** Sizes of functions; a test's `describe` is no function. */
export function checkFunctionSizes(sources: readonly Source[]): Report {
  const sizes = sources.filter((source) => !source.isTest).flatMap(functionsOf);
  const p99 = quantile(
    sizes.map(({ lines }) => lines),
    0.99,
  );
  const problems = tooLong(sizes, FUNCTION.most);
  if (p99 > FUNCTION.p99) problems.push(`the 99th percentile of functions is ${p99} lines, the budget ${FUNCTION.p99}`);
  const longest = Math.max(0, ...sizes.map(({ lines }) => lines));
  return {
    gate: 'function sizes',
    looked: `${sizes.length} functions, p99 ${p99}, max ${longest} lines`,
    count: sizes.length,
    problems,
  };
}

function tooLong(sizes: readonly Measured[], most: number): string[] {
  return sizes
    .filter(({ lines }) => lines > most)
    .map(({ where, lines }) => `${where} has ${lines} lines, at most ${most}`);
}

function functionsOf(source: Source): readonly Measured[] {
  const code = codeLines(source);
  const found: Measured[] = [];
  visitNodes(source.program, (node) => {
    if (!isFunction(node)) return;
    const [first, last] = [source.lineOf(node.start), source.lineOf(node.end - 1)];
    let lines = 0;
    for (let line = first; line <= last; line++) if (code.has(line)) lines++;
    found.push({ where: `${source.path}:${first}`, lines });
  });
  return found;
}

function isFunction(node: Node): boolean {
  return (
    node.type === 'FunctionDeclaration' || node.type === 'FunctionExpression' || node.type === 'ArrowFunctionExpression'
  );
}
