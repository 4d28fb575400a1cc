export { createSandbox, type Sandbox } from '@switchyard/sandbox';
export type { Consumption, HintHandler } from './consumer.ts';
export type {
  CallOrder,
  Calls,
  ChildRun,
  DocumentSearch,
  Models,
  NodeContext,
  NodeOutcome,
  NodePorts,
  NodeRun,
  NodeWait,
  OpenModel,
  StepJournal,
} from './contract.ts';
export {
  type Dispatch,
  type DispatchOptions,
  openDispatch,
  QUEUE_NAME,
} from './dispatch.ts';
export {
  asStepError,
  failureOf,
  LeaseLost,
  ProcessLostError,
  RetryableError,
  type StepEnd,
  StepError,
  StopRequested,
  TerminalError,
  TimedOutError,
  type WaitOrder,
  type WaitReason,
  WaitRequested,
  WorkerLostError,
} from './errors.ts';
export { modelsOf } from './models.ts';
export {
  type AllowedPlace,
  createModelHttp,
  createOutbound,
  type ModelHttp,
  type Outbound,
  OutboundError,
  type OutboundErrorCode,
  type OutboundOptions,
  type OutboundRequest,
  type OutboundResponse,
} from './outbound/index.ts';
export { type Random, systemClock, systemRandom } from './system.ts';
export { type RunningWorker, startWorker, type WorkerHealth, type WorkerOptions } from './worker.ts';
