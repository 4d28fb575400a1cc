import { z } from 'zod';
import { field, workNode } from '../node-type.ts';

/** Looks into the project's documents. Reads only, so running it again changes nothing. */
export const search = workNode({
  id: 'search',
  title: 'Search documents',
  help: 'Finds the documents of the knowledge base that fit a query, best first. The output has `hits`, a list of objects with `title`, `address` and `excerpt`; nothing found is an empty list, not a failure.',
  group: 'data',
  icon: 'search',
  effect: 'none',
  config: z.strictObject({
    query: z
      .string()
      .min(1)
      .max(10_000)
      .meta(
        field('Query', 'Words to look for.', { widget: 'template', examples: ['refund {{ run.input.body.product }}'] }),
      ),
    limit: z
      .number()
      .int()
      .min(1)
      .max(50)
      .default(5)
      .meta(field('Hits', 'At most so many documents.', { widget: 'number' })),
  }),
  example: { query: 'refund {{ run.input.body.product }}', limit: 5 },
});
