import pg from 'pg';
import { classify } from './errors.ts';

/** A promise of the journal, checked over all rows. `broken` names at most ten of the runs that break it. */
export type InvariantFinding = {
  readonly id: string;
  readonly promise: string;
  readonly broken: readonly string[];
  readonly runs: number;
};

type Invariant = { readonly id: string; readonly promise: string; readonly sql: string };

/** Each query answers the runs that break the promise. */
const INVARIANTS: readonly Invariant[] = [
  {
    id: 'I1',
    promise: "a step's lease epochs never fall along seq",
    sql: `select distinct run_id from (
            select run_id, epoch, lag(epoch) over (partition by run_id, step_key order by seq) as before
              from event where step_key is not null and epoch is not null) e
           where epoch < before`,
  },
  {
    id: 'I2',
    promise: 'seq is dense from 1, and the run knows its last one',
    sql: `select r.id as run_id from run r left join
            (select run_id, min(seq) as first, max(seq) as last, count(*) as events from event group by run_id) e on e.run_id = r.id
           where e.run_id is null or e.first <> 1 or e.last <> e.events or e.last <> r.seq`,
  },
  {
    id: 'I5',
    promise: 'a run that ended has one terminal event and nothing but notes after it; one that lives has none',
    sql: `select r.id as run_id from run r left join
            (select run_id, count(*) as ends, min(seq) as at from event
              where kind in ('run.succeeded', 'run.failed', 'run.cancelled') group by run_id) e on e.run_id = r.id
           where coalesce(e.ends, 0) <> (r.state in ('succeeded', 'failed', 'cancelled'))::int
              or exists (select from event later where later.run_id = r.id and later.seq > e.at and later.kind <> 'note')`,
  },
  {
    id: 'I14',
    promise: 'a step ends once and never starts again after it ended',
    sql: `select distinct e.run_id from event e
           where e.kind in ('step.started', 'step.succeeded', 'step.failed', 'step.skipped', 'step.cancelled')
             and exists (select from event done where done.run_id = e.run_id and done.step_key = e.step_key and done.seq < e.seq
                          and done.kind in ('step.succeeded', 'step.failed', 'step.skipped', 'step.cancelled'))`,
  },
];

const SHOWN = 10;

/**
 * Reads the whole journal in one snapshot: exact also while runs go on. For the doctor and for suites. `url`: a login that may
 * read the tables. Throws `database_unavailable` and its like.
 */
export async function checkInvariants(url: string): Promise<readonly InvariantFinding[]> {
  const client = new pg.Client({ connectionString: url, application_name: 'switchyard doctor' });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('begin transaction isolation level repeatable read read only');
    const counted = await client.query<{ runs: string }>('select count(*) as runs from run');
    const findings: InvariantFinding[] = [];
    for (const { id, promise, sql } of INVARIANTS) {
      const { rows } = await client.query<{ run_id: string }>(`${sql} limit ${SHOWN}`);
      findings.push({ id, promise, broken: rows.map((row) => row.run_id), runs: Number(counted.rows[0]?.runs) });
    }
    return findings;
  } catch (error) {
    throw classify(error);
  } finally {
    client.end().catch(() => {});
  }
}
