import { z } from 'zod';
import { field, workNode } from '../node-type.ts';

/** One message to a webhook. `once`: chats show a repeat as a second message. */
export const notify = workNode({
  id: 'notify',
  title: 'Notify',
  help: [
    'Posts a message to a webhook: as plain JSON, or as Slack or Discord (and what is compatible) want it. Names in run data cannot call people: `@everyone`, `<!channel>` and the like arrive as text. Discord shows 2,000 characters; a longer message is cut there.',
    '',
    'It acts once: when a worker is lost in the middle the message is not sent again, the step fails with `outcome_unknown`. Each attempt carries an `Idempotency-Key` of run, step and attempt. The output has `status`.',
  ].join('\n'),
  group: 'action',
  icon: 'bell',
  effect: 'once',
  config: z.strictObject({
    kind: z
      .enum(['json', 'slack', 'discord'])
      .default('json')
      .meta(field('Kind', 'What the other side understands.', { widget: 'select' })),
    url: z
      .string()
      .min(1)
      .max(8192)
      .meta(
        field('Address', 'The webhook, http or https.', {
          widget: 'template',
          examples: ['https://hooks.example.com/alerts'],
        }),
      ),
    text: z
      .string()
      .min(1)
      .max(40_000)
      .meta(
        field('Message', 'The text.', { widget: 'template', examples: ['Order {{ run.input.body.id }} has failed'] }),
      ),
    data: z
      .json()
      .optional()
      .meta(
        field('Data', 'Sent beside the text; kind `json` only.', {
          widget: 'json',
          examples: [{ order: '{{ run.input.body.id }}' }],
        }),
      ),
    credential: z
      .string()
      .min(1)
      .max(120)
      .optional()
      .meta(
        field('Credential', 'Name of a stored credential; its header goes to the hosts it is bound to.', {
          widget: 'text',
          examples: ['alerts'],
        }),
      ),
    timeoutSeconds: z
      .number()
      .positive()
      .max(600)
      .default(30)
      .meta(field('Time limit', 'Seconds until it is given up.', { widget: 'number', advanced: true })),
  }),
  example: { kind: 'json', url: 'https://hooks.example.com/alerts', text: 'Order {{ run.input.body.id }} has failed' },
});
