import type { NodeTypeId } from '@switchyard/pipeline';
import type { NodeRun } from '../contract.ts';
import { runAgentNode } from './agent.ts';
import { runApproval } from './approval.ts';
import { runCode } from './code.ts';
import { runExtract } from './extract.ts';
import { runHttp } from './http.ts';
import { runLlm } from './llm.ts';
import { runNotify } from './notify.ts';
import { runPipeline } from './pipeline.ts';
import { runPostgres } from './postgres.ts';
import { runSearch } from './search.ts';
import { runWait } from './wait.ts';

/** Types that are functions of config and scope: evaluated where they stand, without a run. */
type PureTypeId =
  | 'trigger.manual'
  | 'trigger.webhook'
  | 'trigger.schedule'
  | 'trigger.pipeline'
  | 'trigger.error'
  | 'branch'
  | 'join'
  | 'loop'
  | 'transform'
  | 'respond';

/** Types a worker runs. A new node type lands here until it is named pure above. */
export type WorkTypeId = Exclude<NodeTypeId, PureTypeId>;

/** The work of each type; does not compile when one is missing. */
export const NODE_RUNS: Readonly<Record<WorkTypeId, NodeRun>> = {
  agent: runAgentNode,
  approval: runApproval,
  code: runCode,
  extract: runExtract,
  http: runHttp,
  llm: runLlm,
  notify: runNotify,
  pipeline: runPipeline,
  postgres: runPostgres,
  search: runSearch,
  wait: runWait,
};

/** The work of a type, or null where it is pure or unknown. */
export const nodeRun = (type: string): NodeRun | null =>
  Object.hasOwn(NODE_RUNS, type) ? ((NODE_RUNS as Readonly<Record<string, NodeRun>>)[type] ?? null) : null;
