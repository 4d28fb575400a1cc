import pg from 'pg';
import { classify } from '../errors.ts';
import { INVARIANTS, type InvariantId, type Promised } from './promises.ts';

/** A promise, checked over all rows. `broken` names at most ten of the runs that break it. */
export type InvariantFinding = Promised & { readonly broken: readonly string[]; readonly runs: number };

const ENDED = "('succeeded', 'failed', 'cancelled')";
const ENDING = "('run.succeeded', 'run.failed', 'run.cancelled')";
const SETTLING = "('step.succeeded', 'step.failed', 'step.skipped', 'step.cancelled')";
const LIVE = "('queued', 'running', 'waiting')";

/** Each query answers the runs that break the promise, as `run_id`. */
const QUERIES: Readonly<Partial<Record<InvariantId, string>>> = {
  I1: `select run_id from (
         select run_id, epoch, lag(epoch) over (partition by run_id, step_key order by seq) as before
           from event where step_key is not null and epoch is not null) e where epoch < before
       union select run_id from event where kind = 'step.started' group by run_id, step_key, epoch having count(*) > 1
       union select e.run_id from event e where e.epoch is not null and e.step_key is not null
         and not exists (select from event s where s.run_id = e.run_id and s.step_key = e.step_key and s.epoch = e.epoch
                            and s.kind = 'step.started' and s.seq <= e.seq)`,
  I2: `select r.id as run_id from run r left join
         (select run_id, min(seq) as first, max(seq) as last, count(*) as events from event group by run_id) e on e.run_id = r.id
        where e.run_id is null or e.first <> 1 or e.last <> e.events or e.last <> r.seq
       union select run_id from (select run_id, at, lag(at) over (partition by run_id order by seq) as before from event) e where at < before`,
  I3: `select s.run_id from step s left join lateral (
         select split_part(e.kind, '.', 2) as state from event e where e.run_id = s.run_id and e.step_key = s.key and e.kind in ${SETTLING}
          order by e.seq desc limit 1) last on true
        where (s.state in ${LIVE}) <> (last.state is null) or s.state not in ${LIVE} and s.state <> last.state`,
  I4: `select run_id from event where kind = 'tool.started' group by run_id, step_key, data #>> '{call,id}' having count(*) > 1
       union select run_id from event where kind = 'tool.finished' group by run_id, step_key, data ->> 'call' having count(*) > 1
       union select s.run_id from event s join event f on f.run_id = s.run_id and f.step_key = s.step_key and f.kind = 'tool.finished'
          and f.data ->> 'call' = s.data #>> '{call,id}' and f.seq < s.seq where s.kind = 'tool.started'`,
  I5: `select r.id as run_id from run r left join
         (select run_id, count(*) as ends, min(seq) as at from event where kind in ${ENDING} group by run_id) e on e.run_id = r.id
        where coalesce(e.ends, 0) <> (r.state in ${ENDED})::int
           or exists (select from event later where later.run_id = r.id and later.seq > e.at and later.kind <> 'note')`,
  I6: `select r.id as run_id from run r where r.state not in ${ENDED}
          and not exists (select from step s where s.run_id = r.id and s.state in ${LIVE})
       union select s.run_id from step s join run r on r.id = s.run_id where s.state in ${LIVE}
          and (r.state in ${ENDED} or s.owner is null and s.due_at is null and s.parked_at is null and s.state <> 'waiting')`,
  I7: `select min(id::text)::uuid as run_id from run where dedup_key is not null group by pipeline_id, dedup_key having count(*) > 1`,
  I8: `select min(r.id::text)::uuid as run_id from run r join event e on e.run_id = r.id and e.seq = 1
        where e.data #>> '{trigger,firing}' is not null and e.data -> 'retryOf' is null
        group by r.pipeline_id, r.trigger_node, e.data #>> '{trigger,firing}' having count(*) > 1`,
  I9: `select run_id from event where kind in ('approval.decided', 'step.waiting') and step_key is not null group by run_id, step_key
       having count(*) filter (where kind = 'approval.decided') > count(*) filter (where kind = 'step.waiting' and data ->> 'reason' = 'approval')`,
  I11: `select r.id as run_id from run r where (select count(*) from event e where e.run_id = r.id and e.kind = 'run.started') <> 1
           or not exists (select from event e where e.run_id = r.id and e.seq = 1 and e.kind = 'run.started'
                             and e.data #>> '{revision,id}' = r.revision_id::text)`,
  I13: `select run_id from event where kind = 'turn.finished' group by run_id, step_key, data ->> 'turn' having count(*) > 1`,
  I14: `select e.run_id from event e where e.kind in ('step.started', 'step.retrying', 'step.waiting', 'step.succeeded', 'step.failed', 'step.skipped', 'step.cancelled')
           and exists (select from event done where done.run_id = e.run_id and done.step_key = e.step_key and done.seq < e.seq and done.kind in ${SETTLING})`,
  I15: `select t.run_id from event t join event c on c.run_id = t.run_id and c.kind = 'run.cancel_requested' and t.seq > c.seq where t.kind = 'tool.started'`,
  I16: `select s.run_id from event s where s.kind = 'step.started' and (s.data ->> 'attempt')::int <> 1 +
          (select count(*) from event r where r.run_id = s.run_id and r.step_key = s.step_key and r.kind = 'step.retrying' and r.seq < s.seq)`,
  I18: `select b.run_id from blob_ref b where not exists (select from blob where sha = b.sha)
        union select r.id from run r where r.parent_run is not null and not exists (select from run p where p.id = r.parent_run)
        union select e.run_id from event e where not exists (select from run r where r.id = e.run_id)`,
  I21: `select r.id as run_id from run r where exists (select from step s where s.run_id = r.id and s.project_id <> r.project_id)
           or exists (select from event e where e.run_id = r.id and e.project_id <> r.project_id)`,
};

const SHOWN = 10;

/**
 * Reads the whole journal in one snapshot: exact also while runs go on. For the doctor and for suites. `url`: a login that may
 * read the tables. What rows cannot show is left out. Throws `database_unavailable` and its like.
 */
export async function checkInvariants(url: string): Promise<readonly InvariantFinding[]> {
  const client = new pg.Client({ connectionString: url, application_name: 'switchyard doctor' });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('begin transaction isolation level repeatable read read only');
    const counted = await client.query<{ runs: string }>('select count(*) as runs from run');
    const runs = Number(counted.rows[0]?.runs);
    const findings: InvariantFinding[] = [];
    for (const promised of INVARIANTS) {
      const sql = QUERIES[promised.id];
      if (sql === undefined) continue;
      const { rows } = await client.query<{ run_id: string }>(
        `select distinct run_id from (${sql}) broken limit ${SHOWN}`,
      );
      findings.push({ ...promised, broken: rows.map((row) => row.run_id), runs });
    }
    return findings;
  } catch (error) {
    throw classify(error);
  } finally {
    client.end().catch(() => {});
  }
}
