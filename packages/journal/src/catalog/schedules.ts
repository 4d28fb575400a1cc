import type { Bell } from '../bell.ts';
import { startValues } from '../encode.ts';
import { sqlState } from '../errors.ts';
import type { Sender, Statement } from '../send.ts';
import type { FireAnswer, ScheduleRow, Schedules } from './contract.ts';

const COLUMNS = `s.id, s.project_id as "projectId", s.pipeline_id as "pipelineId", p.published_revision_id as "revisionId", s.node, s.cron, s.timezone,
  s.next_fire as "nextFire", s.last_fire as "lastFire", s.enabled from schedule s join pipeline p on p.id = s.pipeline_id`;
const LIST: Statement = {
  name: 'schedules',
  text: `select ${COLUMNS} where s.project_id = $1 and ($2::uuid is null or s.pipeline_id = $2) and p.published_revision_id is not null order by s.next_fire nulls first, s.id`,
};
const DUE: Statement = {
  name: 'schedules_due',
  text: `select ${COLUMNS} where s.enabled and p.published_revision_id is not null and (s.next_fire is null or s.next_fire <= clock_timestamp())
          order by s.next_fire nulls first limit 100`,
};
const PLAN: Statement = {
  name: 'schedule_plan',
  text: 'update schedule set next_fire = $2 where id = $1 and next_fire is null and enabled returning id',
};
const FIRE: Statement = {
  name: 'fire',
  text: 'select * from fire($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)',
};
const PUBLISHED_ANEW = 'SY004';

type FireRow = { readonly outcome: FireAnswer['outcome']; readonly run_id: string; readonly run_seq: number };

type Firing = Parameters<Schedules['fire']>[0];

/** Values of the function `fire`; without a start the time is recorded as missed. */
function fireValues({ scheduleId, fireAt, next, start }: Firing): readonly unknown[] {
  const head = [scheduleId, fireAt, next];
  const dedupKey = `schedule:${scheduleId}:${fireAt}`;
  if (start === null) return [...head, null, null, null, null, null, null, [], [], [], [], null, [], [], [], dedupKey];
  const { runId, projectId, pipelineId, revisionId } = start;
  const { node, kind } = start.started.data.trigger;
  return [...head, runId, projectId, pipelineId, revisionId, node, kind, ...startValues(start), dedupKey];
}

/** Schedules. The tick is every server's; `due` sees those of all projects, lists the project's. */
export function createSchedules(options: {
  readonly sender: Sender;
  readonly bell: Bell;
  readonly projectId: string;
}): Schedules {
  const { sender, bell, projectId } = options;
  const send = async (firing: Firing): Promise<FireRow | undefined> => {
    try {
      return (await sender.send<FireRow>(FIRE, fireValues(firing)))[0];
    } catch (error) {
      if (sqlState(error) !== PUBLISHED_ANEW) throw error;
      return { outcome: 'stale_revision', run_id: '', run_seq: 0 };
    }
  };
  return {
    list: (filter) => sender.send<ScheduleRow>(LIST, [projectId, filter?.pipelineId ?? null]),
    due: () => sender.send<ScheduleRow>(DUE, []),
    plan: async (id, nextFire) => (await sender.send(PLAN, [id, nextFire])).length === 1,
    fire: async (firing) => {
      const row = await send(firing);
      if (row?.outcome !== 'fired') return { outcome: row?.outcome ?? 'taken' };
      bell.moved(row.run_id, row.run_seq);
      bell.due((firing.start?.open ?? []).map((stepKey) => ({ runId: row.run_id, stepKey, epoch: 0 })));
      return { outcome: 'fired', runId: row.run_id, seq: row.run_seq };
    },
  };
}
