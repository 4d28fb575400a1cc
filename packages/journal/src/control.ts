import type { EventBody } from '@switchyard/pipeline';
import type { Bell } from './bell.ts';
import type { RunRowState, StepHint } from './contract.ts';
import { crashPoint } from './crash-point.ts';
import type { Alarm, CancelAnswer, PauseAnswer, RunControl, RunRows } from './database-contract.ts';
import { wakeValues } from './encode.ts';
import { readEvents } from './read-events.ts';
import type { Sender, Statement } from './send.ts';

const CANCEL: Statement = { name: 'request_cancel', text: 'select * from request_cancel($1, $2, $3)' };
const PAUSE: Statement = { name: 'request_pause', text: 'select * from request_pause($1, $2)' };
const WAKE: Statement = { name: 'wake', text: 'select * from wake($1, $2, $3, $4, $5, $6, $7, $8)' };
/** Living children, their children and so on, parents first. */
const DESCENDANTS: Statement = {
  name: 'descendants',
  text: `with recursive family as (
           select id, 1 as depth from run where parent_run = $1
           union all select r.id, f.depth + 1 from run r join family f on r.parent_run = f.id)
         select r.id, r.cancel_at is not null as cancelled, r.paused_at is not null as paused
           from family f join run r on r.id = f.id where r.ended_at is null order by f.depth, r.id`,
};
const LIVING: Statement = { name: 'run_living', text: 'select id from run where id = $1 and ended_at is null' };
const ROWS: Statement = {
  name: 'run_rows',
  text: `select r.id as "runId", r.pipeline_id as "pipelineId", r.revision_id as "revisionId", r.state, r.seq, r.version,
                r.cancel_at is not null as "cancelRequested", r.paused_at is not null as paused,
                (select coalesce(json_agg(json_build_object('stepKey', s.key, 'epoch', s.epoch, 'state', s.state, 'held', s.owner is not null) order by s.key), '[]')
                   from step s where s.run_id = r.id) as steps
           from run r where r.id = $1`,
};
const ALARMS: Statement = {
  name: 'alarms',
  text: 'select run_id as "runId", project_id as "projectId", at from alarm order by at, run_id limit $1',
};
const CLOSE_ALARM: Statement = { name: 'close_alarm', text: 'delete from alarm where run_id = $1' };

type Asked<Outcome> = { readonly outcome: Outcome; readonly state: RunRowState; readonly run_seq: number };
type CancelRow = Asked<CancelAnswer['outcome']> & { readonly hints: readonly StepHint[] | null };
type Descendant = { readonly id: string; readonly cancelled: boolean; readonly paused: boolean };

type WakeRow = { readonly new_epoch: number | null; readonly run_seq: number | null };

/** After a repetition: whether just these events answered this wait, so that the call whose result was lost had used it. */
async function answers(
  sender: Sender,
  { runId, stepKey, epoch }: StepHint,
  events: readonly EventBody[],
): Promise<boolean> {
  const all = await readEvents(sender, runId, { after: 0, stepKey });
  const asked = all.findLastIndex((event) => event.kind === 'step.waiting' && event.epoch === epoch);
  const written = all.slice(asked + 1, asked + 1 + events.length).map(({ kind, data }) => ({ kind, data }));
  return asked >= 0 && JSON.stringify(written) === JSON.stringify(events.map(({ kind, data }) => ({ kind, data })));
}

type Parts = { readonly sender: Sender; readonly bell: Bell };

/** Asks one run to stop, whoever its relatives are. */
export async function cancelRun(
  { send, bell }: { readonly send: Sender['send']; readonly bell: Bell },
  { runId, by, reason }: { readonly runId: string; readonly by: string; readonly reason?: string | undefined },
): Promise<CancelAnswer> {
  const kinds = ['run.cancel_requested'];
  crashPoint('control.before', { runId, kinds });
  const [row] = await send<CancelRow>(CANCEL, [runId, by, reason ?? null]);
  if (row === undefined || row.outcome === 'unknown') return { outcome: 'unknown' };
  crashPoint('control.after', { runId, kinds, seq: row.run_seq });
  bell.moved(runId, row.run_seq);
  if (row.hints !== null) bell.handOver(row.hints);
  return { outcome: row.outcome, state: row.state };
}

async function pauseRun({ sender, bell }: Parts, runId: string, by: string): Promise<PauseAnswer> {
  const kinds = ['run.paused'];
  crashPoint('control.before', { runId, kinds });
  const [row] = await sender.send<Asked<PauseAnswer['outcome']>>(PAUSE, [runId, by]);
  if (row === undefined || row.outcome === 'unknown') return { outcome: 'unknown' };
  crashPoint('control.after', { runId, kinds, seq: row.run_seq });
  bell.moved(runId, row.run_seq);
  return { outcome: row.outcome, state: row.state };
}

/** What people do to running runs, each run in one transaction. */
export function createControl(parts: Parts): RunControl {
  const { sender, bell } = parts;
  const descendants = (runId: string): Promise<readonly Descendant[]> => sender.send<Descendant>(DESCENDANTS, [runId]);
  /** A run once told lets no child begin untold: when a look finds none left, there is none. */
  const tellAll = async (runId: string, told: 'cancelled' | 'paused', tell: (id: string) => Promise<unknown>) => {
    for (;;) {
      const untold = (await descendants(runId)).filter((run) => !run[told]);
      if (untold.length === 0) return;
      for (const { id } of untold) await tell(id);
    }
  };
  return {
    cancel: async ({ runId, by, reason }) => {
      const one = (id: string): Promise<CancelAnswer> =>
        cancelRun({ send: sender.send, bell }, { runId: id, by, reason });
      const answer = await one(runId);
      if (answer.outcome !== 'unknown') await tellAll(runId, 'cancelled', one);
      return answer;
    },
    pause: async ({ runId, by }) => {
      const answer = await pauseRun(parts, runId, by);
      if (answer.outcome === 'paused') await tellAll(runId, 'paused', (id) => pauseRun(parts, id, by));
      return answer;
    },
    family: async (runId) => {
      const [self, below] = await Promise.all([sender.send<{ id: string }>(LIVING, [runId]), descendants(runId)]);
      return [...self, ...below].map(({ id }) => id);
    },
    rows: async (runId) => (await sender.send<RunRows>(ROWS, [runId]))[0] ?? null,
    wake: async ({ runId, stepKey, epoch, event, blobs }) => {
      const events: readonly EventBody[] = 'kind' in event ? [event] : event;
      const kinds = events.map(({ kind }) => kind);
      const values = [runId, stepKey, epoch, ...wakeValues(stepKey, events, blobs)];
      crashPoint('control.before', { runId, kinds });
      let repeated = false;
      const [row] = await sender.send<WakeRow>(WAKE, values, () => {
        repeated = true;
      });
      if (row?.new_epoch == null && !(repeated && (await answers(sender, { runId, stepKey, epoch }, events))))
        return 'not_waiting';
      crashPoint('control.after', { runId, kinds });
      if (row?.run_seq != null) bell.moved(runId, row.run_seq);
      bell.due([{ runId, stepKey, epoch: epoch + 1 }]);
      return 'woken';
    },
    alarms: async (limit) => {
      const rows = await sender.send<Alarm>(ALARMS, [limit]);
      return rows.map((row) => ({ ...row, at: new Date(row.at).toISOString() }));
    },
    closeAlarm: async (runId) => void (await sender.send(CLOSE_ALARM, [runId])),
  };
}
