export { advance, evaluatePure, failureOf, foldNew, planStart, type Advance, type Riding, type Start } from './advance.ts';
export { emptyAgent, type AgentSummary, type CallState, type CallSummary } from './agent-summary.ts';
export { emptyTrace, foldAgent, type AgentTrace, type TracedCall, type TracedTurn } from './agent-trace.ts';
export { documentJsonSchema, nodeTypeCatalogue, type CatalogueEntry, type CatalogueFunction } from './catalogue.ts';
export { Edge, ElementId, Node, Note, PipelineDocument, RetryPolicy } from './document.ts';
export {
  EVENT_KINDS,
  EventBody,
  Failure,
  INLINE_LIMIT,
  isStructural,
  Json,
  StoredValue,
  ToolCall,
  Usage,
  type EventKind,
  type JournalEvent,
  type NewEvent,
  type RunEvent,
} from './event.ts';
export { ExpressionError } from './expression/error.ts';
export { evaluateCondition, evaluateExpression } from './expression/evaluate.ts';
export { EXPRESSION_FUNCTIONS } from './expression/functions.ts';
export type { ExpressionFunction } from './expression/function.ts';
export { SCOPE_NAMES, type Scope, type StepScope } from './expression/scope.ts';
export { isTemplate, parseTemplate, renderTemplate, resolveConfig, type TemplatePart } from './expression/template.ts';
export { emptyRun, foldRun, isOver, isSettled, NeedsNewerWorker, nodeOfStep, type RunShown, type RunState, type StepShown, type StepState } from './fold.ts';
export { compileGraph, upstreamOf, type Graph, type GraphNode } from './graph.ts';
export { NODE_TYPE_IDS, type Effect, type NodeConfig, type NodeType, type NodeTypeId, type Port, type PureResult, type Widget } from './node-type.ts';
export { parseDocument, type ParsedDocument } from './parse-document.ts';
export { PersistentMap } from './persistent-map.ts';
export { edgeReach, plan, type Decision, type End, type Opening } from './plan.ts';
export { isNodeTypeId, isTrigger, NODE_TYPES, nodeType, outputPorts } from './registry.ts';
export { runOutput, runOutputValue, type RunOutput } from './run-output.ts';
export { expressionsOf, resolveNodeConfig, scopeOf, valuesNeeded, type PlacedExpression } from './run-scope.ts';
export type { Problem } from './validate/problem.ts';
export { validate } from './validate/validate.ts';
