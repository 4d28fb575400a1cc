import { z } from 'zod';
import { pureNode } from '../node-type.ts';
import { exampleInput } from './example-input.ts';

/** Started by a step of another pipeline. */
export const triggerPipeline = pureNode({
  id: 'trigger.pipeline',
  title: 'Called by a pipeline',
  help: 'Starts a run for each call by a **Call a pipeline** step. `run.input` is what the caller gives; the output of this run is the output of that step.',
  group: 'trigger',
  icon: 'workflow',
  inputs: [],
  config: z.strictObject({
    example: exampleInput([{ text: 'Hello' }]),
  }),
  example: { example: { text: 'Hello' } },
  evaluate: (_config, scope) => ({ output: scope.run.input, ports: ['out'] }),
});
