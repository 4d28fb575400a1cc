import type { NodeTypeId } from '@switchyard/pipeline';
import type { NodeRun } from '../contract.ts';
import { runAgentNode } from './agent.ts';
import { runCode } from './code.ts';
import { runHttp } from './http.ts';

/** Types that are functions of config and scope: evaluated where they stand, without a run. */
type PureTypeId = 'trigger.manual' | 'trigger.webhook' | 'trigger.schedule' | 'branch' | 'transform' | 'respond';

/** Types a worker runs. A new node type lands here until it is named pure above. */
export type WorkTypeId = Exclude<NodeTypeId, PureTypeId>;

/** The work of each type; does not compile when one is missing. */
export const NODE_RUNS: Readonly<Record<WorkTypeId, NodeRun>> = {
  agent: runAgentNode,
  code: runCode,
  http: runHttp,
};

/** The work of a type, or null where it is pure or unknown. */
export const nodeRun = (type: string): NodeRun | null =>
  Object.hasOwn(NODE_RUNS, type) ? ((NODE_RUNS as Readonly<Record<string, NodeRun>>)[type] ?? null) : null;
