import { Environment } from '@marcbachmann/cel-js';
import { EXPRESSION_FUNCTIONS } from './functions.ts';
import { installOr } from './or.ts';

const OVER = { maxAstNodes: 4_000, maxDepth: 64, maxListElements: 1_000, maxMapEntries: 1_000, maxCallArguments: 16 };

type Arithmetic = readonly [operator: string, apply: (a: number, b: number) => number];
const ARITHMETIC: readonly Arithmetic[] = [
  ['+', (a, b) => a + b],
  ['-', (a, b) => a - b],
  ['*', (a, b) => a * b],
  ['/', (a, b) => a / b],
  ['%', (a, b) => a % b],
];

/** The language: CEL with our functions, and arithmetic that mixes the numbers of JSON (doubles) with whole literals. */
export function createEnvironment(): Environment {
  const environment = new Environment({
    unlistedVariablesAreDyn: true,
    homogeneousAggregateLiterals: false,
    enableOptionalTypes: true,
    limits: OVER,
  });
  for (const [operator, apply] of ARITHMETIC) {
    const mixed = (a: number | bigint, b: number | bigint) => apply(Number(a), Number(b));
    environment.registerOperator(`int ${operator} double`, mixed).registerOperator(`double ${operator} int`, mixed);
    if (operator === '%') environment.registerOperator('double % double', mixed);
  }
  for (const { signatures = [], call } of EXPRESSION_FUNCTIONS) {
    if (call === undefined) continue;
    for (const signature of signatures) environment.registerFunction(signature, call);
  }
  installOr(environment);
  return environment;
}
