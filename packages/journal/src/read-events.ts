import type { JournalEvent } from '@switchyard/pipeline';
import type { Journal } from './contract.ts';
import { decodeEvents, type EventRow } from './encode.ts';
import type { Sender, Statement } from './send.ts';

const EVENTS: Statement = {
  name: 'events',
  text: `select seq, kind, step_key as "stepKey", epoch, n, at, data from event
          where run_id = $1 and seq > $2 and ($3::text is null or step_key = $3) and (not $4 or is_structural(kind)) order by seq limit $5`,
};
const NO_LIMIT = 2_147_483_647; // all there are: `limit` takes an int

/** Events of a run as `Journal.events` answers them. */
export async function readEvents(
  { send }: Sender,
  runId: string,
  { after, limit = NO_LIMIT, structural = false, stepKey }: Parameters<Journal['events']>[1],
): Promise<JournalEvent[]> {
  return decodeEvents(runId, await send<EventRow>(EVENTS, [runId, after, stepKey ?? null, structural, limit]));
}
