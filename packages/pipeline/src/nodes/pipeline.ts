import { z } from 'zod';
import { field, workNode } from '../node-type.ts';

/** Calls another pipeline and waits for its end. */
export const pipeline = workNode({
  id: 'pipeline',
  title: 'Call a pipeline',
  help: [
    'Starts a run of another pipeline, at its **Called by a pipeline** trigger, and goes on with its output when it has ended. If that run fails, this step fails with the same code.',
    '',
    'Which revision is called is fixed when this pipeline is published. Cancelling or pausing this run does the same to the called one.',
  ].join('\n'),
  group: 'flow',
  icon: 'workflow',
  effect: 'none',
  config: z.strictObject({
    pipeline: z
      .string()
      .min(1)
      .max(120)
      .meta(field('Pipeline', 'Its short name, as in its address.', { widget: 'text', examples: ['triage'] })),
    input: z
      .json()
      .default({})
      .meta(
        field('Input', 'What the called run gets as `run.input`.', {
          widget: 'json',
          examples: [{ text: '{{ item }}' }],
        }),
      ),
    wait: z
      .boolean()
      .default(true)
      .meta(
        field('Wait for its end', 'Off: goes on at once with `{"run": id}`; the called run is on its own.', {
          widget: 'switch',
          advanced: true,
        }),
      ),
  }),
  example: { pipeline: 'triage', input: { text: '{{ run.input.body.text }}' } },
});
