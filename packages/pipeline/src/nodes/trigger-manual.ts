import { z } from 'zod';
import { pureNode } from '../node-type.ts';
import { exampleInput } from './example-input.ts';

/** Started by a click or an API call. */
export const triggerManual = pureNode({
  id: 'trigger.manual',
  title: 'Manual start',
  help: 'Starts the pipeline when you press **Run** or call the API. What you enter becomes `run.input`.',
  group: 'trigger',
  icon: 'play',
  inputs: [],
  config: z.strictObject({
    example: exampleInput(
      [{ question: 'What is 6 times 7?' }],
      'Filled in when you press Run; a real run brings its own input.',
    ),
  }),
  example: { example: { question: 'What is 6 times 7?' } },
  evaluate: (_config, scope) => ({ output: scope.run.input, ports: ['out'] }),
});
