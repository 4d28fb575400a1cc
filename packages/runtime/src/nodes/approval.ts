import { packJson } from '@switchyard/journal';
import { Json } from '@switchyard/pipeline';
import { z } from 'zod';
import type { NodeContext, NodeOutcome } from '../contract.ts';
import { WaitRequested } from '../errors.ts';

const Config = z.object({
  subject: Json,
  instructions: z.string().optional(),
  deadlineSeconds: z.number().optional(),
});
const Decided = z.object({ approved: z.boolean(), comment: z.string().nullable() });

/** Asks a person and goes on by what was decided; the question is asked once, whatever crashes. */
export async function runApproval(context: NodeContext): Promise<NodeOutcome> {
  const { wait } = context;
  if (wait?.woken) {
    const { approved, comment } = Decided.parse(wait.woken.value);
    return { output: { approved, by: wait.woken.by, comment }, ports: [approved ? 'approved' : 'rejected'] };
  }
  if (wait?.expired) return { output: { approved: false, by: null, comment: null }, ports: ['expired'] };
  const { subject, instructions, deadlineSeconds } = Config.parse(context.config);
  const { stored, blob } = packJson(subject);
  const asked = { subject: stored, ...(instructions === undefined ? {} : { instructions }) };
  throw new WaitRequested({
    reason: 'approval',
    events: wait === null ? [{ kind: 'approval.requested', data: asked }] : [],
    blobs: blob === null || wait !== null ? [] : [blob],
    ...(deadlineSeconds === undefined ? {} : { dueInMs: deadlineSeconds * 1_000 }),
  });
}
