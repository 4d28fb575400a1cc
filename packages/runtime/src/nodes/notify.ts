import { Json } from '@switchyard/pipeline';
import { z } from 'zod';
import type { NodeContext, NodeOutcome } from '../contract.ts';
import { TerminalError } from '../errors.ts';
import { refuseSilentRepeat, secretHeader, statusError } from './http.ts';

const Config = z.object({
  kind: z.enum(['json', 'slack', 'discord']),
  url: z.string(),
  text: z.string(),
  data: Json.optional(),
  credential: z.string().optional(),
  timeoutSeconds: z.number(),
});
type Config = z.infer<typeof Config>;

const DISCORD_CHARACTERS = 2_000;

/** Posts one message. `http_status` when it is not taken, `redirected` when the webhook lives elsewhere. */
export async function runNotify(context: NodeContext): Promise<NodeOutcome> {
  const config = Config.parse(context.config);
  await refuseSilentRepeat(context, 'POST');
  const response = await context.ports.http.send({
    method: 'POST',
    url: config.url,
    headers: {
      'content-type': 'application/json',
      'idempotency-key': `${context.runId}/${encodeURIComponent(context.stepKey)}/${context.attempt}`,
      ...(await secretHeader(context, config)),
    },
    body: JSON.stringify(payload(config, context)),
    timeoutMs: config.timeoutSeconds * 1_000,
    signal: context.signal,
  });
  // A redirected POST goes on as GET: a friendly page would look like a message that was taken.
  if (response.url !== plainAddress(config.url))
    throw new TerminalError(
      'redirected',
      'The webhook answered with a redirect; whether the message was taken is not known.',
      {
        hint: 'Give the address it leads to.',
        details: { to: response.url },
      },
    );
  if (response.status >= 400) throw statusError(response);
  return { output: { status: response.status }, ports: ['out'] };
}

function payload({ kind, text, data }: Config, { runId, stepKey }: NodeContext): Json {
  switch (kind) {
    case 'json':
      return { text, ...(data === undefined ? {} : { data }), run: runId, step: stepKey };
    case 'slack':
      return { text: text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;') };
    case 'discord':
      return { content: cut(text), allowed_mentions: { parse: [] } };
  }
}

function cut(text: string): string {
  const characters = [...text];
  return characters.length <= DISCORD_CHARACTERS ? text : `${characters.slice(0, DISCORD_CHARACTERS - 1).join('')}…`;
}

/** As the outbound client tells addresses: parsed, without its fragment. */
function plainAddress(text: string): string {
  const url = new URL(text);
  url.hash = '';
  return url.href;
}
