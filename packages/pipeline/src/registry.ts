import type { Node } from './document.ts';
import type { NodeType, NodeTypeId, Port } from './node-type.ts';
import { agent } from './nodes/agent.ts';
import { approval } from './nodes/approval.ts';
import { branch } from './nodes/branch.ts';
import { code } from './nodes/code.ts';
import { extract } from './nodes/extract.ts';
import { http } from './nodes/http.ts';
import { join } from './nodes/join.ts';
import { llm } from './nodes/llm.ts';
import { loop } from './nodes/loop.ts';
import { notify } from './nodes/notify.ts';
import { pipeline } from './nodes/pipeline.ts';
import { postgres } from './nodes/postgres.ts';
import { respond } from './nodes/respond.ts';
import { search } from './nodes/search.ts';
import { transform } from './nodes/transform.ts';
import { triggerError } from './nodes/trigger-error.ts';
import { triggerManual } from './nodes/trigger-manual.ts';
import { triggerPipeline } from './nodes/trigger-pipeline.ts';
import { triggerSchedule } from './nodes/trigger-schedule.ts';
import { triggerWebhook } from './nodes/trigger-webhook.ts';
import { wait } from './nodes/wait.ts';

/** Every node type by id. The record type makes an id without an entry, or an entry without an id, a compile error. */
export const NODE_TYPES: Readonly<Record<NodeTypeId, NodeType>> = {
  'trigger.manual': triggerManual,
  'trigger.webhook': triggerWebhook,
  'trigger.schedule': triggerSchedule,
  'trigger.pipeline': triggerPipeline,
  'trigger.error': triggerError,
  http,
  notify,
  postgres,
  search,
  branch,
  join,
  loop,
  transform,
  code,
  agent,
  llm,
  extract,
  wait,
  approval,
  pipeline,
  respond,
};

/** Whether a text is the id of a node type. */
export const isNodeTypeId = (id: string): id is NodeTypeId => Object.hasOwn(NODE_TYPES, id);

/** The node type of an id, or null when this build has none of that name. */
export function nodeType(id: string): NodeType | null {
  return isNodeTypeId(id) ? NODE_TYPES[id] : null;
}

const ERROR_PORT: Port = { name: 'error', title: 'Error' };

/** All output ports of a node, with `error` where its failures leave by a port. Empty for an unknown type. */
export function outputPorts(node: Pick<Node, 'type' | 'config' | 'onError'>): readonly Port[] {
  const ports = nodeType(node.type)?.outputs(node.config) ?? [];
  return node.onError === 'port' ? [...ports, ERROR_PORT] : ports;
}

/** Whether runs start here. Such nodes have no steps: `run.started` settles them. */
export const isTrigger = (node: Pick<Node, 'type'>) => nodeType(node.type)?.group === 'trigger';
