import { z } from 'zod';
import { field, pureNode } from '../node-type.ts';
import { exampleInput } from './example-input.ts';

/** Started when a run of another pipeline fails. */
export const triggerError = pureNode({
  id: 'trigger.error',
  title: 'On error',
  help: [
    'Starts a run when a run of another pipeline fails: by an error, a time-out, a worker that died, or because the system cancelled it. It is live after **Publish**.',
    '',
    '`run.input` is `{"run", "pipeline", "failure": {"code", "message", "node"}, "trigger"}`. Runs started by it raise no further alarm.',
  ].join('\n'),
  group: 'trigger',
  icon: 'siren',
  inputs: [],
  config: z.strictObject({
    pipelines: z
      .array(z.string().min(1).max(120))
      .max(1_000)
      .default([])
      .meta(
        field('Pipelines', 'Short names of those it watches; none: all.', { widget: 'text', examples: [['triage']] }),
      ),
    example: exampleInput([]),
  }),
  example: { pipelines: [] },
  evaluate: (_config, scope) => ({ output: scope.run.input, ports: ['out'] }),
});
