import { z } from 'zod';
import { field, pureNode } from '../node-type.ts';
import { exampleInput } from './example-input.ts';

/** Bytes a webhook takes unless its node says otherwise; what is larger than this is kept by reference. */
export const WEBHOOK_BYTES = 16 * 1024 * 1024;
const MOST_BYTES = 128 * 1024 * 1024;

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
const HEADER = /^[A-Za-z0-9-]{1,64}$/;
const CREDENTIAL = /^[a-zA-Z0-9][a-zA-Z0-9 ._-]{0,119}$/;

const address = {
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
    .enum(['at_once', 'last_step', 'respond', 'stream'])
    .default('at_once')
    .meta(
      field(
        'Answer',
        '`at_once`: 202 and the run id. `last_step`: the output of the run. `respond`: what a Respond node says. `stream`: steps and texts of agents as server-sent events, then the answer.',
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
      field(
        'Deadline',
        'Seconds the caller is kept waiting; after that the answer is 202 with a status URL, and the run goes on.',
        {
          widget: 'number',
          advanced: true,
        },
      ),
    ),
};

const senders = {
  verify: z
    .enum(['public', 'github', 'stripe', 'slack', 'standard', 'hmac'])
    .default('public')
    .meta(
      field(
        'Who may call',
        '`public`: anybody who knows the address. Else only who signs the body: GitHub, Stripe, Slack, Standard Webhooks, or any HMAC-SHA256. Without a stored secret everybody is refused.',
        { widget: 'select' },
      ),
    ),
  credential: z
    .string()
    .regex(CREDENTIAL)
    .optional()
    .meta(
      field('Secret', 'Name of the credential with the signing secret, two while it is being changed.', {
        widget: 'text',
        examples: ['github-webhook'],
      }),
    ),
  signatureHeader: z
    .string()
    .regex(HEADER)
    .default('X-Signature-256')
    .meta(
      field('Signature header', 'For `hmac`: hex or base64 of HMAC-SHA256, with or without `sha256=` before it.', {
        widget: 'text',
        advanced: true,
      }),
    ),
  timestampHeader: z
    .string()
    .regex(HEADER)
    .optional()
    .meta(
      field('Timestamp header', 'For `hmac`: Unix seconds; then `timestamp.body` is what is signed.', {
        widget: 'text',
        advanced: true,
        examples: ['X-Timestamp'],
      }),
    ),
  toleranceSeconds: z
    .number()
    .int()
    .min(1)
    .max(86_400)
    .default(300)
    .meta(
      field('Tolerance', 'Seconds that a signed time may be off, either way.', { widget: 'number', advanced: true }),
    ),
  dedup: z
    .enum(['delivery_id', 'body', 'off'])
    .default('delivery_id')
    .meta(
      field(
        'Repeated deliveries',
        '`delivery_id`: one run for each id that the sender gives (Idempotency-Key, webhook-id, X-GitHub-Delivery …). `body`: also one for each body when there is no id. `off`: one for each request.',
        { widget: 'select', advanced: true },
      ),
    ),
  deliveryHeader: z
    .string()
    .regex(HEADER)
    .optional()
    .meta(
      field('Delivery id header', 'A header of the sender with the id of a delivery, besides the known ones.', {
        widget: 'text',
        advanced: true,
      }),
    ),
};

const limits = {
  methods: z
    .array(z.enum(METHODS))
    .min(1)
    .default([...METHODS])
    .meta(
      field('Methods', 'Others are answered 405. HEAD and OPTIONS never start a run.', {
        widget: 'checkboxes',
        advanced: true,
      }),
    ),
  maxBytes: z
    .number()
    .int()
    .min(1)
    .max(MOST_BYTES)
    .default(WEBHOOK_BYTES)
    .meta(
      field(
        'Largest body',
        'Bytes, unpacked. Beyond 16 MiB the body is not read but kept as a file that `run.input.body` names.',
        {
          widget: 'number',
          advanced: true,
        },
      ),
    ),
  rateMax: z
    .number()
    .int()
    .min(1)
    .optional()
    .meta(
      field('Calls at most', 'In the seconds below; others are answered 429.', { widget: 'number', advanced: true }),
    ),
  rateSeconds: z
    .number()
    .positive()
    .max(86_400)
    .default(60)
    .meta(field('… in seconds', 'Length of the window of the limit above.', { widget: 'number', advanced: true })),
  concurrency: z
    .number()
    .int()
    .min(1)
    .optional()
    .meta(
      field('Living runs at most', 'While so many runs of this webhook have not ended, calls are answered 429.', {
        widget: 'number',
        advanced: true,
      }),
    ),
  allowOrigins: z
    .string()
    .max(4_000)
    .default('')
    .meta(
      field('Pages that may call', 'Origins of web pages (CORS), separated by spaces; `*` for all.', {
        widget: 'text',
        advanced: true,
        examples: ['https://shop.example.com'],
      }),
    ),
};

const Config = z.strictObject({
  ...address,
  ...senders,
  ...limits,
  example: exampleInput([{ method: 'POST', headers: {}, query: {}, body: { question: 'What is 6 times 7?' } }]),
});

/** The config of a webhook trigger, checked, with what is left out filled in. */
export type WebhookConfig = z.infer<typeof Config>;

/** Reads the config of a webhook node. Throws zod's error where it does not fit. */
export const webhookConfig = (config: unknown): WebhookConfig => Config.parse(config);

/** Started by an HTTP request to `/hooks/TOKEN`. */
export const triggerWebhook = pureNode({
  id: 'trigger.webhook',
  title: 'Webhook',
  help: [
    'Starts a run for each HTTP request to `/hooks/` and the token below. The request is `run.input`: `method`, `headers`, `query`, `body` and `files`.',
    '',
    'It is live after **Publish**. A public one is open to anybody who knows the token, so choose one that cannot be guessed, or let callers sign.',
  ].join('\n'),
  group: 'trigger',
  icon: 'webhook',
  inputs: [],
  config: Config,
  example: { token: 'demo-solve', mode: 'respond', deadlineSeconds: 30 },
  evaluate: (_config, scope) => ({ output: scope.run.input, ports: ['out'] }),
});
