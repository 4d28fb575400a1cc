import { packJson, type WaitRow } from '@switchyard/journal';
import type { Json } from '@switchyard/pipeline';
import { ApiError } from '../http/api-error.ts';
import type { Services } from '../services.ts';
import type { WaitName } from './links.ts';

/** A person's word on an approval. */
export type Decided = { readonly approved: boolean; readonly comment?: string | undefined; readonly by: string };

/** The 409 of a wait that was answered, ran out, or ended with its run. */
export const notWaiting = (): ApiError =>
  new ApiError(409, 'not_waiting', 'This step does not wait for an answer any more.', {
    hint: 'It was answered, its time ran out, or its run has ended.',
  });

/** The wait of this name as it is now, or null. */
export async function waitAt(services: Services, name: WaitName, reason: WaitRow['reason']): Promise<WaitRow | null> {
  const { runId, stepKey } = name;
  const [row] = await services.database.catalog.waits.list({ runId, stepKey, reason, limit: 1 });
  return row?.epoch === name.epoch ? row : null;
}

/** Writes a decision; it is used once. Throws `not_waiting`. */
export async function decide(services: Services, name: WaitName, { approved, comment, by }: Decided): Promise<void> {
  const said = comment === undefined || comment.trim() === '' ? {} : { comment };
  const event = { kind: 'approval.decided', data: { approved, by, ...said } } as const;
  const { runId, stepKey, epoch } = name;
  const outcome = await services.database.control.wake({ runId, stepKey, epoch, event });
  if (outcome !== 'woken') throw notWaiting();
}

/** Wakes a step that waits for a call, with what was sent. It is used once. Throws `not_waiting`. */
export async function resumeWith(services: Services, name: WaitName, value: Json): Promise<void> {
  const { stored, blob } = packJson(value);
  const { runId, stepKey, epoch } = name;
  const outcome = await services.database.control.wake({
    runId,
    stepKey,
    epoch,
    event: { kind: 'step.woken', data: { by: 'link', value: stored } },
    ...(blob ? { blobs: [blob] } : {}),
  });
  if (outcome !== 'woken') throw notWaiting();
}
