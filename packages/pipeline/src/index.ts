export { type AgentSummary, type CallState, type CallSummary, emptyAgent } from './agent-summary.ts';
export { type AgentTrace, emptyTrace, foldAgent, type TracedCall, type TracedTurn } from './agent-trace.ts';
export { type CatalogueEntry, type CatalogueFunction, documentJsonSchema, nodeTypeCatalogue } from './catalogue.ts';
export { Edge, ElementId, Node, Note, PipelineDocument, RetryPolicy, Settings, StepLimit } from './document.ts';
export { evaluatePure } from './evaluate-pure.ts';
export {
  EVENT_KINDS,
  EventBody,
  type EventKind,
  Failure,
  INLINE_LIMIT,
  isStructural,
  type JournalEvent,
  Json,
  type NewEvent,
  type RunEvent,
  StoredValue,
  ToolCall,
  Usage,
} from './event.ts';
export { ExpressionError } from './expression/error.ts';
export { evaluateCondition, evaluateExpression } from './expression/evaluate.ts';
export type { ExpressionFunction } from './expression/function.ts';
export { EXPRESSION_FUNCTIONS } from './expression/functions.ts';
export { SCOPE_NAMES, type Scope, type StepScope } from './expression/scope.ts';
export { isTemplate, parseTemplate, renderTemplate, resolveConfig, type TemplatePart } from './expression/template.ts';
export {
  emptyRun,
  foldNew,
  foldRun,
  isOver,
  isSettled,
  NeedsNewerWorker,
  type RunShown,
  type RunState,
  type StepShown,
  type StepState,
} from './fold.ts';
export { edgeReach, type Opening } from './frontier.ts';
export { compileGraph, type Graph, type GraphNode, upstreamOf } from './graph.ts';
export { ITERATIONS_KEPT, type IterationState, type LoopState } from './loop-state.ts';
export {
  type Effect,
  NODE_TYPE_IDS,
  type NodeConfig,
  type NodeType,
  type NodeTypeId,
  type Port,
  type PureResult,
  type Widget,
} from './node-type.ts';
export { WEBHOOK_BYTES, type WebhookConfig, webhookConfig } from './nodes/trigger-webhook.ts';
export { type ParsedDocument, parseDocument } from './parse-document.ts';
export { PersistentMap } from './persistent-map.ts';
export {
  type Decision,
  type End,
  type IterationEnd,
  type LoopDecision,
  plan,
  planLoop,
  planResume,
} from './plan.ts';
export { planStart, type Start } from './plan-start.ts';
export { isNodeTypeId, isTrigger, NODE_TYPES, nodeType, outputPorts } from './registry.ts';
export { type RunOutput, runOutput, runOutputValue } from './run-output.ts';
export {
  expressionsOf,
  type PlacedExpression,
  resolveNodeConfig,
  type StepPlace,
  scopeOf,
  valuesNeeded,
} from './run-scope.ts';
export { type Iteration, iterationOf, iterationsAround, nodeOfStep, prefixOf, prefixOfIteration } from './step-key.ts';
export { type CronTimes, parseCron } from './validate/cron.ts';
export type { Problem } from './validate/problem.ts';
export { validate } from './validate/validate.ts';
