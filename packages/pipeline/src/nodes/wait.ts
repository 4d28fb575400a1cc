import { z } from 'zod';
import { field, workNode } from '../node-type.ts';

const YEAR_SECONDS = 366 * 24 * 3600;

/** Lets time pass, or waits for a call from outside. */
export const wait = workNode({
  id: 'wait',
  title: 'Wait',
  help: [
    'Goes on after a time, at a time, or when its resume address is called. A waiting step holds no worker and survives every restart.',
    '',
    'With `webhook` its link stands in the run while it waits, in the run view and as `waiting[].link` of the API: GET shows a page, only POST goes on, once. Its output is what was posted. Without an answer by the deadline it goes on by **Expired**.',
  ].join('\n'),
  group: 'flow',
  icon: 'hourglass',
  effect: 'none',
  outputs: (config) =>
    config.mode === 'webhook'
      ? [
          { name: 'out', title: 'Out' },
          { name: 'expired', title: 'Expired' },
        ]
      : [{ name: 'out', title: 'Out' }],
  config: z.strictObject({
    mode: z
      .enum(['duration', 'until', 'webhook'])
      .default('duration')
      .meta(field('Wait', 'For a time, until a time, or for a call.', { widget: 'select' })),
    seconds: z
      .union([z.number().min(0).max(YEAR_SECONDS), z.string().max(10_000)])
      .optional()
      .meta(field('Seconds', 'How long, for `duration`.', { widget: 'template', examples: [60] })),
    until: z
      .string()
      .max(10_000)
      .optional()
      .meta(
        field('Until', 'ISO 8601 time, for `until`.', {
          widget: 'template',
          examples: ['{{ run.input.body.remindAt }}', '2026-12-24T18:00:00+01:00'],
        }),
      ),
    deadlineSeconds: z
      .number()
      .positive()
      .max(YEAR_SECONDS)
      .optional()
      .meta(
        field('Deadline', 'Seconds after which a `webhook` wait expires. None: it waits for ever.', {
          widget: 'number',
        }),
      ),
  }),
  example: { mode: 'duration', seconds: 60 },
});
