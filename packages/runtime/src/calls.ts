import type { Clock } from '@switchyard/agent';
import { type Database, type RevisionRow, startRequest } from '@switchyard/journal';
import type { Failure, Json } from '@switchyard/pipeline';
import type { CallOrder, Calls, ChildRun } from './contract.ts';
import { TerminalError } from './errors.ts';
import type { ValueReader } from './values.ts';

/** Callers above a run, at most: pipelines that call themselves end here. */
export const DEPTH_LIMIT = 32;

/** What calls are made of. */
export type CallParts = Pick<Database, 'journal' | 'catalog' | 'control'> & {
  readonly clock: Clock;
  readonly values: ValueReader;
};

/** Calls of pipelines on a database. */
export function callsOn(parts: CallParts): Calls {
  return {
    request: (order) => requestOf(order, parts),
    look: (runId) => look(runId, parts),
    cancel: async (runId) => void (await parts.control.cancel({ runId, by: 'parent' })),
  };
}

async function requestOf(order: CallOrder, { catalog, clock }: CallParts) {
  const caller = await catalog.runs.get(order.runId);
  if (caller === null) throw new Error(`There is no run ${order.runId}.`);
  const depth = caller.depth + 1;
  if (depth > DEPTH_LIMIT)
    throw new TerminalError('depth_exceeded', `Pipelines call each other more than ${DEPTH_LIMIT} deep.`, {
      hint: 'A pipeline that calls itself needs a branch that stops.',
    });
  const revision = await calledRevision(caller.revisionId, order.node, catalog);
  const trigger = revision.document.nodes.find((node) => node.type === 'trigger.pipeline');
  if (trigger === undefined)
    throw new TerminalError('no_pipeline_trigger', 'The called pipeline has no “Called by a pipeline” trigger.', {
      hint: 'Add one to it, publish it, and publish this pipeline again.',
    });
  return startRequest(
    {
      revision,
      trigger: { node: trigger.id, kind: 'pipeline' },
      input: order.input,
      dedupKey: null,
      mustBePublished: false,
      parent: { run: order.runId, step: order.stepKey, depth },
    },
    { projectId: catalog.projectId, now: clock.now() },
  );
}

/** The revision a node's own revision pins: publishing the called pipeline later changes nothing here. */
async function calledRevision(
  callerRevision: string,
  node: string,
  { revisions }: CallParts['catalog'],
): Promise<RevisionRow> {
  const pin = (await revisions.get(callerRevision))?.pins[node];
  const revision = pin === undefined ? null : await revisions.get(pin);
  if (revision !== null) return revision;
  throw new TerminalError('no_pin', `The node “${node}” names no published pipeline.`, {
    hint: 'Publish the pipeline it calls, then publish this one again.',
  });
}

async function look(runId: string, { journal, catalog, values }: CallParts): Promise<ChildRun> {
  const row = await catalog.runs.get(runId);
  if (row === null) throw new Error(`The called run ${runId} is not in the journal.`);
  const living: ChildRun = { runId, state: 'running', output: null, failure: null };
  if (row.endedAt === null) return living;
  const [last] = await journal.events(runId, { after: row.seq - 1, limit: 1 });
  switch (last?.kind) {
    case 'run.succeeded': {
      const output: Json = last.data.output === null ? null : await values.json(last.data.output);
      return { runId, state: 'succeeded', output, failure: null };
    }
    case 'run.failed':
      return { runId, state: 'failed', output: null, failure: last.data.failure };
    default:
      return { runId, state: 'cancelled', output: null, failure: CANCELLED };
  }
}

const CANCELLED: Failure = { code: 'child_cancelled', message: 'The called run was cancelled.' };
