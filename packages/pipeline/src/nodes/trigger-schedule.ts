import { z } from 'zod';
import { field, pureNode } from '../node-type.ts';

/** Started by the clock. */
export const triggerSchedule = pureNode({
  id: 'trigger.schedule',
  title: 'Schedule',
  help: 'Starts a run at each time of a cron expression. `run.input.scheduledFor` is the time it was due, ISO 8601. It is live after **Publish**.',
  group: 'trigger',
  icon: 'clock',
  inputs: [],
  config: z.strictObject({
    cron: z
      .string()
      .max(200)
      .meta(
        field('Cron', 'Minute, hour, day of month, month, day of week; a sixth field in front gives seconds.', {
          widget: 'text',
          examples: ['0 9 * * 1-5', '*/15 * * * *'],
        }),
      ),
    timezone: z
      .string()
      .max(64)
      .default('UTC')
      .meta(field('Time zone', 'IANA name.', { widget: 'text', examples: ['UTC', 'Europe/Berlin'] })),
  }),
  example: { cron: '0 9 * * 1-5', timezone: 'Europe/Berlin' },
  evaluate: (_config, scope) => ({ output: scope.run.input, ports: ['out'] }),
});
