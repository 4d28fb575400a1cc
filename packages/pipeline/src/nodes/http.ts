import { z } from 'zod';
import { field, workNode } from '../node-type.ts';

const SECRET_HEADERS = /^(authorization|proxy-authorization|cookie|x-api-key|x-auth-token)$/i;

/** A header that proves somebody, written out. One made from run data (`{{ … }}`) is the caller's own. */
const holdsSecret = ([name, value]: readonly [string, string]): boolean =>
  SECRET_HEADERS.test(name) && !value.includes('{{');

/** One HTTP request. `once` because a repeated POST may act twice. */
export const http = workNode({
  id: 'http',
  title: 'HTTP request',
  help: [
    'Sends one request. Its output has `status`, `headers` and `body`; a JSON answer is already parsed.',
    '',
    'A status of 400 or more is a failure unless you switch that off. Addresses inside your own network are refused.',
  ].join('\n'),
  group: 'action',
  icon: 'globe',
  effect: 'once',
  config: z.strictObject({
    method: z
      .enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD'])
      .default('GET')
      .meta(field('Method', 'What to do with the resource.', { widget: 'select' })),
    url: z
      .string()
      .min(1)
      .max(8192)
      .meta(
        field('Address', 'http or https.', {
          widget: 'template',
          examples: ['https://api.example.com/orders/{{ run.input.id }}'],
        }),
      ),
    headers: z
      .record(z.string().max(256), z.string().max(8192))
      .refine(
        (headers) => !Object.entries(headers).some(holdsSecret),
        'a secret does not belong in a pipeline: store it as a credential and name that below',
      )
      .default({})
      .meta(
        field('Headers', 'Sent with the request.', { widget: 'headers', examples: [{ accept: 'application/json' }] }),
      ),
    body: z
      .json()
      .optional()
      .meta(
        field('Body', 'An object or list is sent as JSON, text as it is.', {
          widget: 'json',
          examples: [{ total: '{{ steps.sum.output }}' }],
        }),
      ),
    credential: z
      .string()
      .min(1)
      .max(120)
      .optional()
      .meta(
        field(
          'Credential',
          'Name of a stored credential. Its header is added when the request is sent, to the hosts it is bound to.',
          { widget: 'text', examples: ['orders-api'] },
        ),
      ),
    timeoutSeconds: z
      .number()
      .positive()
      .max(600)
      .default(30)
      .meta(field('Time limit', 'Seconds until the request is given up.', { widget: 'number', advanced: true })),
    failOnStatus: z
      .boolean()
      .default(true)
      .meta(
        field('Fail on 4xx and 5xx', 'Off: such answers are outputs like any other.', {
          widget: 'switch',
          advanced: true,
        }),
      ),
  }),
  example: {
    method: 'GET',
    url: 'https://api.example.com/orders/{{ run.input.id }}',
    headers: { accept: 'application/json' },
  },
});
