import { z } from 'zod';
import { ExpressionError } from '../expression/error.ts';
import { field, pureNode } from '../node-type.ts';

/** Brings branches together, by a rule that may be less than "all of them". */
export const join = pureNode({
  id: 'join',
  title: 'Join',
  help: [
    'Goes on when enough of the branches that lead here have arrived. Its output is `{"arrived": [ids], "outputs": {id: output}}`, in order of arrival.',
    '',
    '`all`: every branch has arrived or cannot arrive any more (as every step does without a Join). `any`: at the first one; the others run on and are not waited for. `first`: at the first one, and branches that lead only here are stopped. `quorum`: at so many, and the rest is stopped; it fails when so many cannot arrive any more.',
  ].join('\n'),
  group: 'flow',
  icon: 'merge',
  config: z.strictObject({
    mode: z
      .enum(['all', 'any', 'first', 'quorum'])
      .default('all')
      .meta(field('Goes on', 'When it goes on, and what happens to branches that are late.', { widget: 'select' })),
    count: z
      .number()
      .int()
      .min(1)
      .max(1_000)
      .optional()
      .meta(field('How many', 'Arrivals a quorum needs.', { widget: 'number', examples: [2] })),
  }),
  example: { mode: 'quorum', count: 2 },
  evaluate: ({ mode, count }, scope) => {
    const arrivals = scope.arrivals ?? [];
    if (mode === 'quorum' && arrivals.length < (count ?? 1)) {
      throw new ExpressionError(
        'quorum_not_met',
        `${arrivals.length} of ${count ?? 1} branches arrived, and no other can any more.`,
        { hint: 'Lower the count, or let the steps before it go on after a failure.' },
      );
    }
    const outputs = Object.fromEntries(arrivals.map(({ id, output }) => [id, output]));
    return { output: { arrived: arrivals.map(({ id }) => id), outputs }, ports: ['out'] };
  },
});
