export type {
  ApiKeyRow,
  ApiKeys,
  Catalog,
  ConnectionInput,
  ConnectionRow,
  Connections,
  Credentials,
  DeliveryRow,
  DocumentHit,
  Documents,
  DueSchedule,
  FireAnswer,
  Firing,
  FiringRow,
  NewDelivery,
  OpenConnection,
  Page,
  PipelineRow,
  PipelineSummary,
  Pipelines,
  Price,
  PublishAnswer,
  RevisionRow,
  RevisionSummary,
  Revisions,
  RunRow,
  Runs,
  SaveDraftAnswer,
  ScheduleRow,
  Schedules,
  StepRow,
  WaitRow,
  Waits,
  WebhookRow,
  Webhooks,
} from './catalog/contract.ts';
export { LOCAL_PROJECT, LOCAL_USER } from './catalog/contract.ts';
export type {
  AppendAnswer,
  AppendRequest,
  BlobContent,
  ClaimAnswer,
  HeldStep,
  Journal,
  LiveStep,
  PulseAnswer,
  RunRowState,
  Speaker,
  StartLimits,
  StartRunAnswer,
  StartRunRequest,
  StepHint,
  StepRowState,
  WorkerSession,
} from './contract.ts';
export type { BuggifyName, CrashPointName, CrashScene } from './crash-point.ts';
export { armBuggify, armCrashPoint, BUGGIFY_POINTS, buggify, CRASH_POINTS, crashPoint } from './crash-point.ts';
export { openDatabase } from './database.ts';
export type {
  Alarm,
  CancelAnswer,
  Database,
  DatabaseOptions,
  Follower,
  PauseAnswer,
  PruneAnswer,
  RunControl,
  RunRows,
  Subscription,
} from './database-contract.ts';
export type { ErrorCode, ErrorNext } from './errors.ts';
export { ERROR_CODES, JournalError } from './errors.ts';
export type { RunHistory, Violation } from './invariants/history.ts';
export { checkInvariants, type InvariantFinding } from './invariants/in-database.ts';
export { checkHistory } from './invariants/in-memory.ts';
export { INVARIANTS, type InvariantId, type Promised } from './invariants/promises.ts';
export { type Metrics, openMetrics } from './metrics.ts';
export type { MigrateAnswer } from './migrate.ts';
export { migrate } from './migrate.ts';
export { type Packed, packJson, packText } from './pack.ts';
export { graphOf, type StartOrder, startLimits, startRequest, stepLimitsOf } from './start-order.ts';
export { type TraceOptions, traced } from './traces/traced.ts';
export { uuidV7 } from './uuid.ts';
