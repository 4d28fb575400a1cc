import type { Bell } from '../bell.ts';
import type { StepHint } from '../contract.ts';
import { limitValues, startValues } from '../encode.ts';
import { sqlState } from '../errors.ts';
import type { Sender, Statement } from '../send.ts';
import type { DueSchedule, FireAnswer, Firing, FiringRow, ScheduleRow, Schedules } from './contract.ts';

const COLUMNS = `s.id, s.project_id as "projectId", s.pipeline_id as "pipelineId", p.published_revision_id as "revisionId", s.node, s.cron,
  s.every_seconds as "everySeconds", s.timezone, s.missed, s.overlap, s.next_fire as "nextFire", s.last_fire as "lastFire", s.enabled`;
const FROM = 'from schedule s join pipeline p on p.id = s.pipeline_id';
const LIST: Statement = {
  name: 'schedules',
  text: `select ${COLUMNS} ${FROM} where s.project_id = $1 and ($2::uuid is null or s.pipeline_id = $2) and ($3::uuid is null or s.id = $3)
            and p.published_revision_id is not null order by s.next_fire nulls first, s.id`,
};
const DUE: Statement = {
  name: 'schedules_due',
  text: `select ${COLUMNS}, clock_timestamp() as now, q.fire_at as "queuedFire" ${FROM}
           left join firing q on q.schedule_id = s.id and q.outcome = 'queued' and not exists (select from living_runs(s.pipeline_id, s.node))
          where s.enabled and p.published_revision_id is not null and s.id <> all ($1::uuid[])
            and (s.next_fire is null or s.next_fire <= clock_timestamp() or q.fire_at is not null)
          order by s.next_fire nulls first limit 500`,
};
const PLAN: Statement = {
  name: 'schedule_plan',
  text: 'update schedule set next_fire = $2 where id = $1 and next_fire is null and enabled returning id',
};
const FIRE: Statement = {
  name: 'fire',
  text: `select * from fire(${Array.from({ length: 26 }, (_, i) => `$${i + 1}`).join(', ')})`,
};
const LIVING: Statement = {
  name: 'schedule_living',
  text: `select f.run_id as id from schedule s join firing f on f.schedule_id = s.id
          where s.id = $1 and f.fire_at < $2 and f.run_id in (select living_runs(s.pipeline_id, s.node))`,
};
const FIRINGS: Statement = {
  name: 'firings',
  text: `select fire_at as "fireAt", at, outcome, run_id as "runId", detail from firing
          where schedule_id = $1 and ($2::timestamptz is null or fire_at < $2) order by fire_at desc limit $3`,
};
const ENABLE: Statement = {
  name: 'schedule_enable',
  text: `update schedule set enabled = $2, next_fire = case when enabled = $2 then next_fire end where id = $1 and project_id = $3 returning id`,
};
const PRUNE: Statement = { name: 'prune_firings', text: 'select prune_firings() as gone' };
const PUBLISHED_ANEW = 'SY004';

type FireRow = {
  readonly outcome: FireAnswer['outcome'];
  readonly run_id: string;
  readonly run_seq: number;
  readonly hints: readonly StepHint[] | null;
};

/** Values of the function `fire`. */
function fireValues({ scheduleId, expected, next, missed = [], fireAt, start, ...said }: Firing): readonly unknown[] {
  const head = [scheduleId, expected, next, missed, said.missedDetail ?? null, fireAt, said.detail ?? null];
  const dedupKey = `schedule:${scheduleId}:${fireAt}`;
  if (start === null)
    return [...head, ...Array(6).fill(null), [], [], [], [], null, [], [], [], ...Array(4).fill(null), dedupKey];
  const { runId, projectId, pipelineId, revisionId } = start;
  const { node, kind } = start.started.data.trigger;
  const ids = [runId, projectId, pipelineId, revisionId, node, kind];
  return [...head, ...ids, ...startValues(start), ...limitValues(start), dedupKey];
}

/** Schedules. The tick is every server's; `due` sees those of all projects, lists the project's. */
export function createSchedules(options: {
  readonly sender: Sender;
  readonly bell: Bell;
  readonly projectId: string;
}): Schedules {
  const { sender, projectId } = options;
  return {
    list: (filter) => sender.send<ScheduleRow>(LIST, [projectId, filter?.pipelineId ?? null, null]),
    get: async (id) => (await sender.send<ScheduleRow>(LIST, [projectId, null, id]))[0] ?? null,
    due: (except = []) => sender.send<DueSchedule>(DUE, [except]),
    plan: async (id, nextFire) => (await sender.send(PLAN, [id, nextFire])).length === 1,
    fire: (firing) => fire(firing, options),
    living: async (id, before) => (await sender.send<{ id: string }>(LIVING, [id, before])).map((row) => row.id),
    firings: (id, { before, limit }) => sender.send<FiringRow>(FIRINGS, [id, before ?? null, limit]),
    enable: async (id, enabled) => (await sender.send(ENABLE, [id, enabled, projectId])).length === 1,
    prune: async () => (await sender.send<{ gone: number }>(PRUNE, []))[0]?.gone ?? 0,
  };
}

type Parts = { readonly sender: Sender; readonly bell: Bell };

async function fire(firing: Firing, { sender, bell }: Parts): Promise<FireAnswer> {
  const row = await sendFiring(firing, sender);
  if (row?.outcome !== 'fired') return { outcome: row?.outcome ?? 'taken' };
  bell.moved(row.run_id, row.run_seq);
  if (row.hints !== null) bell.handOver(row.hints);
  else bell.due((firing.start?.open ?? []).map((stepKey) => ({ runId: row.run_id, stepKey, epoch: 0 })));
  return { outcome: 'fired', runId: row.run_id, seq: row.run_seq };
}

async function sendFiring(firing: Firing, sender: Sender): Promise<FireRow | undefined> {
  try {
    return (await sender.send<FireRow>(FIRE, fireValues(firing)))[0];
  } catch (error) {
    if (sqlState(error) !== PUBLISHED_ANEW) throw error;
    return { outcome: 'stale_revision', run_id: '', run_seq: 0, hints: null };
  }
}
