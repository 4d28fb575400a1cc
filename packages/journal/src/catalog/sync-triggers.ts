import { randomBytes } from 'node:crypto';
import type { PipelineDocument } from '@switchyard/pipeline';
import { z } from 'zod';
import { JournalError } from '../errors.ts';
import type { Prisma } from '../generated/client.ts';
import type { PipelineModel } from '../generated/models.ts';
import { tokenHash } from './content-hash.ts';
import { LOCAL_USER } from './contract.ts';

type Transaction = Prisma.TransactionClient;

/** What this room reads of a webhook trigger's config; the server has validated the whole. */
const WebhookConfig = z.object({
  token: z.string().min(1),
  mode: z.enum(['at_once', 'last_step', 'respond', 'stream']).default('at_once'),
  deadlineSeconds: z.number().int().positive().default(30),
});
const ScheduleConfig = z.object({
  cron: z.string().optional(),
  everySeconds: z.number().int().positive().optional(),
  timezone: z.string().optional(),
  missed: z.enum(['skip', 'last', 'all']).default('last'),
  overlap: z.enum(['allow', 'skip', 'queue_one', 'cancel_running']).default('allow'),
});

function triggersOf<Config>(
  document: PipelineDocument,
  type: string,
  schema: z.ZodType<Config>,
): { readonly node: string; readonly config: Config }[] {
  return document.nodes
    .filter((node) => node.type === type)
    .map((node) => {
      const config = schema.safeParse(node.config);
      if (config.success) return { node: node.id, config: config.data };
      throw new JournalError('invalid_request', `node ${node.id}: ${z.prettifyError(config.error)}`);
    });
}

/** Makes webhooks those of the trigger nodes. A node that stays keeps its webhook and with it the deliveries. */
export async function syncWebhooks(
  tx: Transaction,
  pipeline: PipelineModel,
  document: PipelineDocument,
): Promise<void> {
  const { id: pipelineId, projectId } = pipeline;
  const wanted = triggersOf(document, 'trigger.webhook', WebhookConfig);
  await tx.webhook.deleteMany({ where: { pipelineId, node: { notIn: wanted.map(({ node }) => node) } } });
  // two nodes may have changed tokens with each other: their keys are free before one is taken
  for (const { id } of await tx.webhook.findMany({ where: { pipelineId }, select: { id: true } }))
    await tx.webhook.update({ where: { id }, data: { tokenSha: Uint8Array.from(randomBytes(32)) } });
  for (const { node, config } of wanted) {
    const { mode, deadlineSeconds } = config;
    const told = { mode, deadlineSeconds, tokenSha: tokenHash(config.token) };
    await tx.webhook.upsert({
      where: { pipelineId_node: { pipelineId, node } },
      create: { projectId, pipelineId, node, ...told },
      update: told,
    });
  }
}

/** The zone of schedules that name none: the owner's, else that of this machine. */
async function ownZone(tx: Transaction): Promise<string> {
  const user = await tx.user.findUnique({ where: { id: LOCAL_USER }, select: { timezone: true } });
  return user?.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** An unchanged schedule keeps its next time; a new or changed one is planned by the server. */
export async function syncSchedules(
  tx: Transaction,
  pipeline: PipelineModel,
  document: PipelineDocument,
): Promise<void> {
  const { id: pipelineId, projectId } = pipeline;
  const wanted = triggersOf(document, 'trigger.schedule', ScheduleConfig);
  await tx.schedule.deleteMany({ where: { pipelineId, node: { notIn: wanted.map(({ node }) => node) } } });
  for (const { node, config } of wanted) {
    const { missed, overlap } = config;
    const timezone = config.timezone || (await ownZone(tx));
    const timing = { cron: config.cron || null, everySeconds: config.everySeconds ?? null, timezone };
    if ((timing.cron === null) === (timing.everySeconds === null))
      throw new JournalError('invalid_request', `node ${node}: a schedule has a cron expression or an interval`);
    const { count } = await tx.schedule.updateMany({
      where: { pipelineId, node, ...timing },
      data: { missed, overlap },
    });
    if (count === 1) continue;
    await tx.schedule.upsert({
      where: { pipelineId_node: { pipelineId, node } },
      create: { projectId, pipelineId, node, ...timing, missed, overlap },
      update: { ...timing, missed, overlap, nextFire: null },
    });
  }
}
