import { z } from 'zod';
import { field, pureNode } from '../node-type.ts';

/** Started by the clock. */
export const triggerSchedule = pureNode({
  id: 'trigger.schedule',
  title: 'Schedule',
  help: [
    'Starts a run at each time of a cron expression, or at an interval: fill in one of the two. `run.input.scheduledFor` is the time it was due, ISO 8601 in UTC.',
    '',
    'It is live after **Publish**. A fixed time that the clocks skip fires right after the gap, one that they show twice fires once; every few minutes goes on ticking.',
  ].join('\n'),
  group: 'trigger',
  icon: 'clock',
  inputs: [],
  config: z.strictObject({
    cron: z
      .string()
      .max(200)
      .optional()
      .meta(
        field('Cron', 'Minute, hour, day of month, month, day of week; a sixth field in front gives seconds.', {
          widget: 'text',
          examples: ['0 9 * * 1-5', '*/15 * * * *'],
        }),
      ),
    everySeconds: z
      .number()
      .int()
      .min(1)
      .max(366 * 86_400)
      .optional()
      .meta(
        field(
          'Or every',
          'Seconds between two times, instead of a cron expression. Counted from 1970-01-01 UTC, so it never drifts.',
          {
            widget: 'number',
            examples: [900],
          },
        ),
      ),
    timezone: z
      .string()
      .max(64)
      .optional()
      .meta(
        field(
          'Time zone',
          'IANA name, for the hours of the cron expression. Empty: yours, and the list of schedules shows it.',
          {
            widget: 'text',
            examples: ['Europe/Berlin', 'UTC'],
          },
        ),
      ),
    missed: z
      .enum(['skip', 'last', 'all'])
      .default('last')
      .meta(
        field(
          'Missed times',
          'What becomes of times when nothing ran for over a minute. `skip`: none of them is fired. `last`: the latest one is. `all`: each is, up to 100. All of them are listed.',
          { widget: 'select', advanced: true },
        ),
      ),
    overlap: z
      .enum(['allow', 'skip', 'queue_one', 'cancel_running'])
      .default('allow')
      .meta(
        field(
          'Overlap',
          'What a time does while a run of this schedule still goes on. `allow`: both run. `skip`: the new one is not started. `queue_one`: one waits for its turn. `cancel_running`: the old one is cancelled.',
          { widget: 'select', advanced: true },
        ),
      ),
  }),
  example: { cron: '0 9 * * 1-5', timezone: 'Europe/Berlin' },
  evaluate: (_config, scope) => ({ output: scope.run.input, ports: ['out'] }),
});
