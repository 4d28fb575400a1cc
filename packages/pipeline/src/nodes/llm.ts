import { z } from 'zod';
import { field, workNode } from '../node-type.ts';
import { MODEL_FIELDS, temperature } from './model-fields.ts';

/** One turn of a model, without tools. `repeatable`: after a crash the model is asked again, which costs tokens and no more. */
export const llm = workNode({
  id: 'llm',
  title: 'Ask a model',
  help: [
    'Sends one prompt to a model and takes its answer. No tools, no further turns; for those take an agent.',
    '',
    'The output has `text`, `thought` where the model tells it, `cut` (whether the answer was longer than its tokens) and `usage`. A model that cannot be reached is a failure that a retry policy can meet.',
  ].join('\n'),
  group: 'agent',
  icon: 'message-square',
  effect: 'repeatable',
  config: z.strictObject({
    connection: MODEL_FIELDS.connection,
    system: z
      .string()
      .max(100_000)
      .default('')
      .meta(
        field('System message', 'Who the model is and how it should work.', {
          widget: 'template',
          examples: ['You write short, friendly answers.'],
        }),
      ),
    prompt: z
      .string()
      .min(1)
      .max(1_000_000)
      .meta(
        field('Prompt', 'What the model is asked.', {
          widget: 'template',
          examples: ['Summarise: {{ run.input.body.text }}'],
        }),
      ),
    temperature: temperature(1),
    maxTokens: MODEL_FIELDS.maxTokens,
  }),
  example: { system: 'You write short, friendly answers.', prompt: 'Summarise: {{ run.input.body.text }}' },
});
