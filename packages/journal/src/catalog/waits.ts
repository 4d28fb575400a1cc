import type { EventBody, StoredValue } from '@switchyard/pipeline';
import type { Sender, Statement } from '../send.ts';
import type { WaitRow, Waits } from './contract.ts';

/** The newest event of these kinds of the step `s`; a wait is among the last events of its step. */
const last = (kinds: string): string =>
  `select e.seq, e.at, e.data from event e where e.run_id = s.run_id and e.step_key = s.key and e.kind ${kinds} order by e.seq desc limit 1`;

/** A step that was answered and not yet claimed is not listed: nobody can answer it again. */
const LIST: Statement = {
  name: 'waits',
  text: `select s.run_id as "runId", r.pipeline_id as "pipelineId", p.name as "pipelineName", s.key as "stepKey", s.epoch,
                w.at as since, w.data as wait, a.data as asked,
                array(select d.data ->> 'call' from event d where w.data ->> 'reason' = 'decision' and d.run_id = s.run_id and d.step_key = s.key
                         and d.kind = 'tool.in_doubt' and not exists (select from event f where f.run_id = s.run_id and f.step_key = s.key and f.seq > d.seq
                         and f.kind in ('tool.decided', 'tool.finished') and f.data ->> 'call' = d.data ->> 'call') order by d.seq) as calls
           from step s join run r on r.id = s.run_id join pipeline p on p.id = r.pipeline_id
           cross join lateral (${last("= 'step.waiting'")}) w
           left join lateral (${last("= 'approval.requested'")}) a on w.data ->> 'reason' = 'approval'
          where s.project_id = $1 and s.state = 'waiting' and s.owner is null
            and ($2::uuid is null or s.run_id = $2) and ($3::text is null or s.key = $3) and ($4::text is null or w.data ->> 'reason' = $4)
            and not exists (${last("in ('step.woken', 'approval.decided', 'tool.decided') and e.seq > w.seq")})
          order by w.at, s.run_id, s.key limit $5`,
};

type Row = Pick<WaitRow, 'runId' | 'pipelineId' | 'pipelineName' | 'stepKey' | 'epoch' | 'since' | 'calls'> & {
  readonly wait: Extract<EventBody, { kind: 'step.waiting' }>['data'];
  readonly asked: { readonly subject: StoredValue; readonly instructions?: string } | null;
};

/** Waits of one project. */
export function createWaits(sender: Sender, projectId: string): Waits {
  return {
    list: async ({ runId, stepKey, reason, limit }) => {
      const values = [projectId, runId ?? null, stepKey ?? null, reason ?? null, limit];
      const rows = await sender.send<Row>(LIST, values);
      return rows.map(({ wait, asked, ...row }) => ({
        ...row,
        reason: wait.reason,
        until: wait.until ?? null,
        child: wait.child ?? null,
        subject: asked?.subject ?? null,
        instructions: asked?.instructions ?? null,
      }));
    },
  };
}
