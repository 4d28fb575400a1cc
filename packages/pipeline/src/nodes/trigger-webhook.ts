import { z } from 'zod';
import { field, pureNode } from '../node-type.ts';

/** Started by an HTTP request to `/hooks/TOKEN`. */
export const triggerWebhook = pureNode({
  id: 'trigger.webhook',
  title: 'Webhook',
  help: [
    'Starts a run for each HTTP request to `/hooks/` and the token below. The request is `run.input`: `method`, `headers`, `query` and `body`.',
    '',
    'It is live after **Publish**. Anybody who knows the token can start runs, so choose one that cannot be guessed.',
  ].join('\n'),
  group: 'trigger',
  icon: 'webhook',
  inputs: [],
  config: z.strictObject({
    token: z
      .string()
      .regex(/^[a-zA-Z0-9_-]{4,128}$/, 'letters, digits, _ and -, from 4 to 128 of them')
      .meta(
        field('Token', 'The last part of the address. Unique over all pipelines.', {
          widget: 'text',
          examples: ['demo-solve'],
        }),
      ),
    mode: z
      .enum(['at_once', 'last_step', 'respond'])
      .default('at_once')
      .meta(
        field(
          'Answer',
          '`at_once`: 202 and the run id. `last_step`: the output of the run. `respond`: what a Respond node says.',
          { widget: 'select' },
        ),
      ),
    deadlineSeconds: z
      .number()
      .int()
      .positive()
      .max(600)
      .default(30)
      .meta(
        field('Deadline', 'Seconds the caller is kept waiting; after that the answer is 202 and the run goes on.', {
          widget: 'number',
          advanced: true,
        }),
      ),
    example: z
      .json()
      .optional()
      .meta(
        field('Example input', 'Filled in when you press Run in the editor.', {
          widget: 'example',
          examples: [{ method: 'POST', headers: {}, query: {}, body: { question: 'What is 6 times 7?' } }],
        }),
      ),
  }),
  example: { token: 'demo-solve', mode: 'respond', deadlineSeconds: 30 },
  evaluate: (_config, scope) => ({ output: scope.run.input, ports: ['out'] }),
});
