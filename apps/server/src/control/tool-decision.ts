import { packJson } from '@switchyard/journal';
import type { EventBody, JournalEvent } from '@switchyard/pipeline';
import { notWaiting } from '../approvals/answer.ts';
import { ApiError } from '../http/api-error.ts';
import type { Services } from '../services.ts';

/*
 * A tool call whose worker died in the middle of it: only a person can know whether it was carried out. `repeat`: make it
 * again. `use`: it was; with `result` the model is told what it brought. `fail`: the model is told that it is not known.
 */

/** A person's word on a call in doubt. */
export type ToolDecision = {
  readonly call: string;
  readonly decision: 'repeat' | 'use' | 'fail';
  readonly result?: string | undefined;
};

/** Writes the decision and lets the step go on. Throws 409 `not_waiting`, 404 `unknown_call`. */
export async function decideTool(
  { runId, stepKey }: { readonly runId: string; readonly stepKey: string },
  { call, decision, result }: ToolDecision,
  { database }: Services,
): Promise<void> {
  const [wait] = await database.catalog.waits.list({ runId, stepKey, reason: 'decision', limit: 1 });
  if (wait === undefined) throw notWaiting();
  if (!wait.calls.includes(call))
    throw new ApiError(404, 'unknown_call', `The call “${call}” is not in doubt.`, {
      hint: `In doubt: ${wait.calls.join(', ')}.`,
    });
  const events: EventBody[] = [{ kind: 'tool.decided', data: { call, decision, by: 'user' } }];
  const { stored, blob } = packJson(result ?? null);
  if (decision === 'use' && result !== undefined) {
    const turn = turnOf(await database.journal.events(runId, { after: 0, stepKey }), call);
    events.push({ kind: 'tool.finished', data: { turn, call, result: stored, failed: false, ms: 0 } });
  }
  const blobs = blob === null || events.length === 1 ? {} : { blobs: [blob] };
  const outcome = await database.control.wake({ runId, stepKey, epoch: wait.epoch, event: events, ...blobs });
  if (outcome !== 'woken') throw notWaiting();
}

/** The turn that asked for a call. */
function turnOf(events: readonly JournalEvent[], call: string): number {
  for (const event of events) if (event.kind === 'tool.started' && event.data.call.id === call) return event.data.turn;
  return 0;
}
