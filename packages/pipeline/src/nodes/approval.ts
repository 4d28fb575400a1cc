import { z } from 'zod';
import { field, workNode } from '../node-type.ts';

const YEAR_SECONDS = 366 * 24 * 3600;

/** Asks a person. */
export const approval = workNode({
  id: 'approval',
  title: 'Approval',
  help: [
    'Waits until a person approves or rejects, in the run view or on the approval page. Opening the page, or a mail scanner that follows the link, decides nothing: only its buttons do, once.',
    '',
    'It goes on by **Approved**, **Rejected** or, after the deadline, **Expired**. Its output is `{"approved", "by", "comment"}`.',
  ].join('\n'),
  group: 'flow',
  icon: 'user-check',
  effect: 'none',
  outputs: () => [
    { name: 'approved', title: 'Approved' },
    { name: 'rejected', title: 'Rejected' },
    { name: 'expired', title: 'Expired' },
  ],
  config: z.strictObject({
    subject: z.json().meta(
      field('Subject', 'What is to be decided; shown as it is at that moment.', {
        widget: 'json',
        examples: ['Refund {{ run.input.body.amount }} to {{ run.input.body.customer }}?'],
      }),
    ),
    instructions: z
      .string()
      .max(10_000)
      .optional()
      .meta(field('Instructions', 'What the person should look at.', { widget: 'textarea' })),
    deadlineSeconds: z
      .number()
      .positive()
      .max(YEAR_SECONDS)
      .optional()
      .meta(field('Deadline', 'Seconds after which it expires. None: it waits for ever.', { widget: 'number' })),
  }),
  example: { subject: 'Refund {{ run.input.body.amount }}?', deadlineSeconds: 86_400 },
});
