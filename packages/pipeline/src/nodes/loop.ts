import { z } from 'zod';
import { field, pureNode } from '../node-type.ts';

/** Runs what follows its `item` port once per item. Its steps are planned, so its own evaluation only names the items. */
export const loop = pureNode({
  id: 'loop',
  title: 'Loop',
  help: [
    'Runs the steps after its **Item** output once for each item of a list; then goes on by **Done**. Inside, `item` is the item and `index` its number from 0; loops may stand in loops, and `loops.ID.item` is that of an outer one.',
    '',
    'Its output is `{"count", "failed", "items": […]}`: the output of the last step of each iteration, in order of the list, null where an iteration failed. A step after **Item** may not also be reached from outside the loop.',
  ].join('\n'),
  group: 'flow',
  icon: 'repeat',
  outputs: () => [
    { name: 'item', title: 'Item' },
    { name: 'done', title: 'Done' },
  ],
  config: z.strictObject({
    items: z.json().meta(
      field('Items', 'A list, or a template that gives one.', {
        widget: 'json',
        examples: ['{{ run.input.body.orders }}', [1, 2, 3]],
      }),
    ),
    concurrency: z
      .number()
      .int()
      .min(1)
      .max(100)
      .default(1)
      .meta(field('At once', 'Iterations that run side by side.', { widget: 'number' })),
    onItemError: z
      .enum(['fail', 'continue'])
      .default('fail')
      .meta(
        field('When an iteration fails', '`fail`: the others are stopped and the loop fails. `continue`: it goes on.', {
          widget: 'select',
        }),
      ),
    collect: z
      .boolean()
      .default(true)
      .meta(
        field('Collect outputs', 'Off: `items` is left out of the output, for very long loops.', {
          widget: 'switch',
          advanced: true,
        }),
      ),
  }),
  example: { items: '{{ run.input.body.orders }}', concurrency: 4, onItemError: 'continue' },
  evaluate: ({ items }) => ({ output: items, ports: [] }),
});
