import type { TestDatabase } from './database.ts';

/*
 * Invariants that hold in every journal at rest, whatever was done to its writers. Each statement counts violations. The
 * numbers are those of the guarantees: I1 one driver, I2 dense, I5 one end, I6 no hang, I15 no intent after cancel.
 */

const TERMINAL = "('run.succeeded', 'run.failed', 'run.cancelled')";
const ENDED = "('succeeded', 'failed', 'cancelled')";

const INVARIANTS = {
  'I1 an epoch started twice': `select 1 from event where kind = 'step.started' group by run_id, step_key, epoch having count(*) > 1`,
  'I1 an epoch fell': `select 1 from (select epoch, max(epoch) over (partition by run_id, step_key order by seq) as highest from event where epoch is not null) e where epoch < highest`,
  'I1 a step ended twice': `select 1 from event where kind in ('step.succeeded', 'step.failed', 'step.skipped', 'step.cancelled') group by run_id, step_key having count(*) > 1`,
  'I2 a hole in the numbers': 'select 1 from event group by run_id having max(seq) <> count(*) or min(seq) <> 1',
  'I2 a run that does not know its last number':
    'select 1 from run r where seq <> (select max(seq) from event e where e.run_id = r.id)',
  'I2 time went back':
    'select 1 from (select at, lag(at) over (partition by run_id order by seq) as before from event) e where at < before',
  'I5 not exactly one end, as the last event': `select 1 from run r where state in ${ENDED} and (
     (select count(*) from event e where e.run_id = r.id and kind in ${TERMINAL}) <> 1
     or (select kind from event e where e.run_id = r.id order by seq desc limit 1) not in ${TERMINAL})`,
  'I5 an end of a run that goes on': `select 1 from run r where state not in ${ENDED} and exists (select from event e where e.run_id = r.id and kind in ${TERMINAL})`,
  'I6 a live step in an ended run': `select 1 from step s join run r on r.id = s.run_id where r.state in ${ENDED} and s.state in ('queued', 'running', 'waiting')`,
  'I6 a live run without a live step': `select 1 from run r where state not in ${ENDED} and not exists (select from step s where s.run_id = r.id and s.state in ('queued', 'running', 'waiting'))`,
  'I15 an intent after a cancel': `select 1 from event t join event c on c.run_id = t.run_id and c.kind = 'run.cancel_requested' and t.seq > c.seq where t.kind = 'tool.started'`,
} as const;

/** Violations by invariant; all zero in a sound journal. `more`: further statements, each a `select 1` of violations. */
export async function checkJournal(
  test: Pick<TestDatabase, 'sql'>,
  more: Readonly<Record<string, string>> = {},
): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const [name, text] of Object.entries({ ...INVARIANTS, ...more })) {
    const [row] = await test.sql<{ violations: number }>(`select count(*)::int as violations from (${text}) violation`);
    found[name] = row?.violations ?? -1;
  }
  return found;
}
