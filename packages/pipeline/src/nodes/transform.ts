import { z } from 'zod';
import { evaluateExpression } from '../expression/evaluate.ts';
import { field, pureNode } from '../node-type.ts';

/** The value of one expression. */
export const transform = pureNode({
  id: 'transform',
  title: 'Transform',
  help: 'Computes one value. Its output is whatever the expression gives: a number, a text, a list, an object.',
  group: 'data',
  icon: 'braces',
  config: z.strictObject({
    expression: z
      .string()
      .min(1)
      .max(10_000)
      .meta(
        field('Expression', 'CEL over `run`, `steps` and `trigger`.', {
          widget: 'expression',
          examples: ['{"total": steps.orders.output.body.items.map(i, i.price * i.count).sum()}'],
        }),
      ),
  }),
  example: { expression: '{"greeting": "Hello " + run.input.name}' },
  evaluate: (config, scope) => ({ output: evaluateExpression(config.expression, scope), ports: ['out'] }),
});
