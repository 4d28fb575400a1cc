import { z } from 'zod';
import { field, pureNode } from '../node-type.ts';

/** What the caller of a webhook is told; also the output of the run. */
export const respond = pureNode({
  id: 'respond',
  title: 'Respond',
  help: 'Says what the caller of a webhook in mode `respond` gets. The last Respond that ran is the output of the run.',
  group: 'flow',
  icon: 'reply',
  config: z.strictObject({
    status: z
      .number()
      .int()
      .min(200)
      .max(599)
      .default(200)
      .meta(field('Status', 'HTTP status.', { widget: 'number' })),
    headers: z
      .record(z.string().max(256), z.string().max(8192))
      .default({})
      .meta(field('Headers', 'Sent with the answer.', { widget: 'headers', advanced: true })),
    body: z
      .json()
      .default(null)
      .meta(
        field('Body', 'An object or list is sent as JSON, text as it is.', {
          widget: 'json',
          examples: [{ answer: '{{ steps.solve.output.text }}' }],
        }),
      ),
  }),
  example: { status: 200, body: { answer: '{{ steps.solve.output.text }}' } },
  evaluate: (config) => ({
    output: { status: config.status, headers: config.headers, body: config.body },
    ports: ['out'],
  }),
});
