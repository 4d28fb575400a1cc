import type { Bell } from './bell.ts';
import type { RunRowState } from './contract.ts';
import type { CancelAnswer, RunControl } from './database-contract.ts';
import type { Sender, Statement } from './send.ts';

const CANCEL: Statement = { name: 'request_cancel', text: 'select * from request_cancel($1, $2, $3)' };
const WAKE: Statement = { name: 'wake', text: 'select wake($1, $2, $3, $4, $5) as epoch' };
/** Living children, their children and so on, parents first. */
const DESCENDANTS: Statement = {
  name: 'descendants',
  text: `with recursive family as (
           select id, 1 as depth from run where parent_run = $1
           union all select r.id, f.depth + 1 from run r join family f on r.parent_run = f.id)
         select r.id from family f join run r on r.id = f.id where r.ended_at is null order by f.depth`,
};

type CancelRow = { readonly outcome: CancelAnswer['outcome']; readonly state: RunRowState; readonly run_seq: number };

/** What people do to running runs, each run in one transaction. */
export function createControl({ sender, bell }: { readonly sender: Sender; readonly bell: Bell }): RunControl {
  const cancelOne = async (runId: string, by: string, reason: string | undefined): Promise<CancelAnswer> => {
    const [row] = await sender.send<CancelRow>(CANCEL, [runId, by, reason ?? null]);
    if (row === undefined || row.outcome === 'unknown') return { outcome: 'unknown' };
    bell.moved(runId, row.run_seq);
    return { outcome: row.outcome, state: row.state };
  };
  return {
    cancel: async ({ runId, by, reason }) => {
      const answer = await cancelOne(runId, by, reason);
      if (answer.outcome === 'unknown') return answer;
      // a child may start while its siblings are cancelled, until its parent's cancel is seen: ask until none is left to tell
      for (const { id } of await sender.send<{ id: string }>(DESCENDANTS, [runId])) await cancelOne(id, by, reason);
      return answer;
    },
    wake: async ({ runId, stepKey, epoch, event }) => {
      const [row] = await sender.send<{ epoch: number | null }>(WAKE, [
        runId,
        stepKey,
        epoch,
        event.kind,
        JSON.stringify(event.data),
      ]);
      if (row === undefined || row.epoch === null) return 'not_waiting';
      bell.due([{ runId, stepKey, epoch: row.epoch }]);
      const [moved] = await sender.send<{ seq: number }>(
        { name: 'run_seq', text: 'select seq from run where id = $1' },
        [runId],
      );
      if (moved !== undefined) bell.moved(runId, moved.seq);
      return 'woken';
    },
  };
}
