export { LOCAL_PROJECT, LOCAL_USER } from './catalog/contract.ts';
export type {
  ApiKeyRow, ApiKeys, Catalog, ConnectionInput, ConnectionRow, Connections, Credentials, DocumentHit, Documents, FireAnswer, OpenConnection,
  Page, PipelineRow, Pipelines, PipelineSummary, Price, PublishAnswer, RevisionRow, Revisions, RevisionSummary, RunRow, Runs,
  SaveDraftAnswer, ScheduleRow, Schedules, StepRow, WebhookRow, Webhooks,
} from './catalog/contract.ts';
export type {
  AppendAnswer, AppendRequest, BlobContent, ClaimAnswer, HeldStep, Journal, PulseAnswer, RunRowState, Speaker, StartRunAnswer,
  StartRunRequest, StepHint, StepRowState, WorkerSession,
} from './contract.ts';
export type { CancelAnswer, Database, DatabaseOptions, Follower, RunControl, Subscription } from './database-contract.ts';
