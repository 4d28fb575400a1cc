export { LOCAL_PROJECT, LOCAL_USER } from './catalog/contract.ts';
export type {
  ApiKeyRow, ApiKeys, Catalog, ConnectionInput, ConnectionRow, Connections, Credentials, DocumentHit, Documents, FireAnswer, OpenConnection,
  Page, PipelineRow, Pipelines, PipelineSummary, Price, PublishAnswer, RevisionRow, Revisions, RevisionSummary, RunRow, Runs,
  SaveDraftAnswer, ScheduleRow, Schedules, StepRow, WebhookRow, Webhooks,
} from './catalog/contract.ts';
export type {
  AppendAnswer, AppendRequest, BlobContent, ClaimAnswer, HeldStep, Journal, LiveStep, PulseAnswer, RunRowState, Speaker, StartRunAnswer,
  StartRunRequest, StepHint, StepRowState, WorkerSession,
} from './contract.ts';
export { armCrashPoint, CRASH_POINTS, crashPoint } from './crash-point.ts';
export type { CrashPointName, CrashScene } from './crash-point.ts';
export { openDatabase } from './database.ts';
export type { CancelAnswer, Database, DatabaseOptions, Follower, RunControl, Subscription } from './database-contract.ts';
export { ERROR_CODES, JournalError } from './errors.ts';
export type { ErrorCode, ErrorNext } from './errors.ts';
export { migrate } from './migrate.ts';
export type { MigrateAnswer } from './migrate.ts';
export { uuidV7 } from './uuid.ts';
