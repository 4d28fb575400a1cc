import type { Json, PipelineDocument, StoredValue } from '@switchyard/pipeline';
import type { RunRowState, StartRunRequest } from '../contract.ts';

/*
 * What people edit and look at, as rows. Everything here belongs to one project; ids are UUIDs, times ISO 8601 in UTC.
 * Absence is null, conflicts are answers, and only what cannot be is thrown (see ../errors.ts).
 */

/** The project every row of a fresh installation belongs to. */
export const LOCAL_PROJECT = '00000000-0000-7000-8000-000000000001';
/** The one user of a fresh installation. */
export const LOCAL_USER = '00000000-0000-7000-8000-000000000002';

/** A page of rows, newest first; `next` is the `after` of the following page, null at the end. */
export type Page<Row> = { readonly rows: readonly Row[]; readonly next: string | null };

/** A pipeline without its drawing, for lists. `version` counts the saves of the draft (ETag). */
export type PipelineSummary = {
  readonly id: string;
  readonly projectId: string;
  /** Unique in the project; stable over renames. */
  readonly slug: string;
  readonly name: string;
  readonly version: number;
  /** The published revision, null before the first publish. */
  readonly publishedRevisionId: string | null;
  readonly publishedNumber: number | null;
  readonly createdAt: string;
  readonly updatedAt: string;
};

/** A pipeline with its draft. */
export type PipelineRow = PipelineSummary & { readonly draft: PipelineDocument };

/** An immutable snapshot. `number` counts the published ones of a pipeline from 1; null: only ever run as a draft. */
export type RevisionSummary = {
  readonly id: string;
  readonly pipelineId: string;
  readonly number: number | null;
  /** sha-256 of the document's canonical JSON, hex. */
  readonly hash: string;
  readonly createdAt: string;
};
/** A revision with its document. `pins`: the revision that each of its `pipeline` nodes calls, by node id. */
export type RevisionRow = RevisionSummary & {
  readonly document: PipelineDocument;
  readonly pins: Readonly<Record<string, string>>;
};

/** Answer of a write that names the version it was made from. `conflict`: somebody saved in between; this is theirs. */
export type SaveDraftAnswer = { readonly version: number } | { readonly conflict: PipelineRow };
/** As SaveDraftAnswer, for publish. */
export type PublishAnswer = { readonly revision: RevisionRow } | { readonly conflict: PipelineRow };

/** Pipelines: drafts with compare-and-set, publishing. `null` for an unknown id; `JournalError` `slug_taken`, `webhook_token_taken`, `pipeline_not_published`. */
export interface Pipelines {
  list(options: {
    readonly q?: string;
    readonly after?: string;
    readonly limit: number;
  }): Promise<Page<PipelineSummary>>;
  /** Without a slug one is made from the name and, if it is taken, numbered. */
  create(pipeline: {
    readonly name: string;
    readonly document?: PipelineDocument;
    readonly slug?: string;
  }): Promise<PipelineRow>;
  get(id: string): Promise<PipelineRow | null>;
  bySlug(slug: string): Promise<PipelineRow | null>;
  saveDraft(draft: {
    readonly id: string;
    readonly ifVersion: number;
    readonly document: PipelineDocument;
    readonly name?: string;
  }): Promise<SaveDraftAnswer | null>;
  /** Published pipelines that begin with `trigger.error`. */
  errorListeners(): Promise<readonly { readonly pipelineId: string; readonly revisionId: string }[]>;
  /** Hides the pipeline and ends its webhooks and schedules; its runs and revisions stay. False: there was none. */
  remove(id: string): Promise<boolean>;
  /**
   * Freezes the draft with the revisions its `pipeline` nodes call, makes webhooks and schedules those of its trigger nodes, and
   * sets the limits and the retention it asks for, all in one transaction.
   */
  publish(draft: { readonly id: string; readonly ifVersion: number }): Promise<PublishAnswer | null>;
}

/** Revisions never change, so `get` answers from memory after the first time. */
export interface Revisions {
  get(id: string): Promise<RevisionRow | null>;
  /** Published ones, newest first. */
  list(pipelineId: string): Promise<readonly RevisionSummary[]>;
  /**
   * The revision with this content and what it calls now, made if there is none (a run of a draft pins it; `number` stays null
   * until it is published). `JournalError` `pipeline_not_published`.
   */
  snapshot(pipelineId: string, document: PipelineDocument): Promise<RevisionRow>;
}

/** A run as lists and headers show it. */
export type RunRow = {
  readonly id: string;
  readonly projectId: string;
  readonly pipelineId: string;
  readonly pipelineName: string;
  readonly revisionId: string;
  readonly revisionNumber: number | null;
  readonly state: RunRowState;
  /** True while every living step waits (shown as "waiting"). */
  readonly waiting: boolean;
  readonly cancelRequested: boolean;
  /** It opens nothing until it is resumed. */
  readonly paused: boolean;
  /** The step whose child it is. `depth` counts the runs above it; `rootRunId` is the topmost, itself where there is none. */
  readonly parent: { readonly runId: string; readonly stepKey: string } | null;
  readonly rootRunId: string;
  readonly depth: number;
  readonly priority: number;
  readonly trigger: { readonly node: string; readonly kind: string };
  readonly seq: number;
  readonly version: number;
  readonly createdAt: string;
  readonly endedAt: string | null;
};

/** A step's row: its lease and what is left to do. Pure steps that never waited have none. */
export type StepRow = {
  readonly runId: string;
  readonly key: string;
  readonly state: 'queued' | 'running' | 'waiting' | 'succeeded' | 'failed' | 'skipped' | 'cancelled';
  readonly attempt: number;
  readonly crashes: number;
  readonly epoch: number;
  readonly owner: number | null;
  readonly dueAt: string | null;
  readonly stopAt: string | null;
};

/** Reading of runs; writing them is the Journal's. */
export interface Runs {
  /** Newest first; `after` is the id of the last row of the page before. */
  list(options: {
    readonly pipelineId?: string;
    readonly state?: RunRowState;
    /** Children of this run. */
    readonly parentRunId?: string;
    /** The family of this run, itself included. */
    readonly rootRunId?: string;
    readonly after?: string;
    readonly limit: number;
  }): Promise<Page<RunRow>>;
  get(id: string): Promise<RunRow | null>;
  /** The rows of these ids that exist, in no order. */
  some(ids: readonly string[]): Promise<readonly RunRow[]>;
  steps(runId: string): Promise<readonly StepRow[]>;
  /** A blob, only if an event of this run names it. */
  blob(runId: string, sha256: string): Promise<{ readonly mediaType: string; readonly bytes: Buffer } | null>;
}

/** A step that waits and has not been answered. */
export type WaitRow = {
  readonly runId: string;
  readonly pipelineId: string;
  readonly pipelineName: string;
  readonly stepKey: string;
  /** An answer names it, so that it is used once. */
  readonly epoch: number;
  readonly reason: 'time' | 'webhook' | 'approval' | 'child' | 'decision' | 'paused';
  readonly since: string;
  /** When it goes on without an answer; null: never. */
  readonly until: string | null;
  /** The called run, with reason `child`. */
  readonly child: string | null;
  /** What is to be decided, with reason `approval`. */
  readonly subject: StoredValue | null;
  readonly instructions: string | null;
  /** Ids of the calls whose outcome is unknown and undecided, with reason `decision`. */
  readonly calls: readonly string[];
};

/** Reading of waits; answering them is `RunControl.wake`. */
export interface Waits {
  /** The longest waiting first. */
  list(options: {
    readonly runId?: string;
    readonly stepKey?: string;
    readonly reason?: WaitRow['reason'];
    readonly limit: number;
  }): Promise<readonly WaitRow[]>;
}

/** A webhook of a published revision. What else its trigger says stands in the revision's document. */
export type WebhookRow = {
  readonly id: string;
  readonly projectId: string;
  readonly pipelineId: string;
  /** The revision published now: start the run with `mustBePublished`. */
  readonly revisionId: string;
  readonly node: string;
  readonly mode: 'at_once' | 'last_step' | 'respond' | 'stream';
  readonly deadlineSeconds: number;
};

/** What came in at a webhook and what became of it. */
export type DeliveryRow = {
  readonly id: string;
  readonly webhookId: string;
  /** The run it began, or the one that an earlier delivery of the same name had begun. */
  readonly runId: string | null;
  readonly at: string;
  readonly outcome: 'started' | 'repeated' | 'refused';
  /** HTTP status of the refusal, else that of the acceptance. */
  readonly status: number;
  readonly code: string | null;
  readonly method: string;
  /** The query as it came, with its question mark; empty: none. */
  readonly target: string;
  /** Without secrets. */
  readonly headers: Readonly<Record<string, string>>;
  readonly bodyBytes: number;
};
/** A delivery to be noted. `body` only where no run holds it. */
export type NewDelivery = DeliveryRow & { readonly body: Buffer | null };

/** Webhooks are written by publish alone; one keeps its id while its node stays. Tokens are unique in the installation and stored as sha-256. */
export interface Webhooks {
  byToken(token: string): Promise<WebhookRow | null>;
  get(id: string): Promise<WebhookRow | null>;
  list(pipelineId: string): Promise<readonly WebhookRow[]>;
  /**
   * Counts a call under a rate and compares the living runs of the webhook with a limit. Null: come in. Else the seconds
   * after which to try again; then nothing is counted.
   */
  take(hook: {
    readonly id: string;
    readonly rate: { readonly max: number; readonly perSeconds: number } | null;
    readonly living: number | null;
  }): Promise<number | null>;
  /** Notes deliveries; of each webhook the newest 50 stay. Ids are UUIDs that rise with time. */
  note(deliveries: readonly NewDelivery[]): Promise<void>;
  /** The newest first. */
  deliveries(webhookId: string): Promise<readonly DeliveryRow[]>;
  /** One delivery of a webhook with its body, if it stands there. */
  delivery(webhookId: string, id: string): Promise<NewDelivery | null>;
}

/** A schedule of a published revision. `nextFire` null: new or changed, its next time is to be planned. */
export type ScheduleRow = {
  readonly id: string;
  readonly projectId: string;
  readonly pipelineId: string;
  /** The revision published now. */
  readonly revisionId: string;
  readonly node: string;
  /** Null: it has an interval. */
  readonly cron: string | null;
  readonly everySeconds: number | null;
  readonly timezone: string;
  readonly missed: 'skip' | 'last' | 'all';
  readonly overlap: 'allow' | 'skip' | 'queue_one' | 'cancel_running';
  readonly nextFire: string | null;
  readonly lastFire: string | null;
  readonly enabled: boolean;
};

/** A schedule to look at. */
export type DueSchedule = ScheduleRow & {
  /** The database's clock: the only one that decides what is due. */
  readonly now: string;
  /** A firing that waited for a run that has ended now. */
  readonly queuedFire: string | null;
};

/** What became of one fire time. */
export type FiringRow = {
  readonly fireAt: string;
  /** When that was decided. */
  readonly at: string;
  readonly outcome: 'fired' | 'queued' | 'skipped' | 'missed';
  readonly runId: string | null;
  readonly detail: string | null;
};

/**
 * `queued`, `skipped`: by the overlap policy, no run now · `taken`: another server fired or planned it, or it is changed, disabled or
 * gone · `stale_revision`: published anew meanwhile; load, build, fire again.
 */
export type FireAnswer =
  | { readonly outcome: 'fired'; readonly runId: string; readonly seq: number }
  | { readonly outcome: 'missed' | 'queued' | 'skipped' | 'taken' | 'stale_revision' };

/** One firing. `fireAt` and `start` null: only times are missed. */
export type Firing = {
  readonly scheduleId: string;
  /** `nextFire` as it was read; null: `fireAt` is queued and its turn has come. */
  readonly expected: string | null;
  /** The new `nextFire`; null: it never fires again. */
  readonly next: string | null;
  /** Times nobody was there for, rising; the first is noted with `missedDetail`. */
  readonly missed?: readonly string[];
  readonly missedDetail?: string | null;
  readonly fireAt: string | null;
  /** Noted with the firing. */
  readonly detail?: string | null;
  /** Its dedup key is made here. */
  readonly start: Omit<StartRunRequest, 'dedupKey' | 'mustBePublished'> | null;
};

/** Schedules are written by publish; `fire` is one transaction: compare-and-set on `nextFire`, firing rows, run. */
export interface Schedules {
  list(options?: { readonly pipelineId?: string }): Promise<readonly ScheduleRow[]>;
  get(id: string): Promise<ScheduleRow | null>;
  /** Enabled ones whose time has come by the database's clock, and those without a next time, but for `except`. At most 500. */
  due(except?: readonly string[]): Promise<readonly DueSchedule[]>;
  /** Sets the first next time of a schedule that has none; false: somebody did. */
  plan(id: string, nextFire: string): Promise<boolean>;
  fire(firing: Firing): Promise<FireAnswer>;
  /** Living runs of its firings before a time. */
  living(id: string, before: string): Promise<readonly string[]>;
  /** The newest first. */
  firings(id: string, options: { readonly before?: string; readonly limit: number }): Promise<readonly FiringRow[]>;
  /** A schedule enabled again is planned from now: the time it was off is not missed. False: there is none. */
  enable(id: string, enabled: boolean): Promise<boolean>;
  /** Deletes firings older than a week but for the newest of each schedule; how many. */
  prune(): Promise<number>;
}

/** Price in US dollars per million tokens. */
export type Price = { readonly prompt: number; readonly completion: number };

/** A model reached over HTTP, without its key. */
export type ConnectionRow = {
  readonly id: string;
  readonly projectId: string;
  readonly name: string;
  readonly baseUrl: string;
  /** Model id sent with each request. */
  readonly model: string;
  readonly dialect: 'kimi' | 'openai';
  readonly price: Price | null;
  readonly hasKey: boolean;
  readonly isDefault: boolean;
  readonly createdAt: string;
  readonly updatedAt: string;
};
/** With the key, for whoever calls the model. Never leaves the process. */
export type OpenConnection = ConnectionRow & { readonly apiKey: string | null };

/** What a person sets. `apiKey` absent on update: the old one stays; null: none. */
export type ConnectionInput = {
  readonly name: string;
  readonly baseUrl: string;
  readonly model: string;
  readonly dialect: 'kimi' | 'openai';
  readonly price?: Price | null;
  readonly apiKey?: string | null;
};

/** Model connections; keys are sealed at rest (AES-256-GCM, the key given to openDatabase). `JournalError` `name_taken`, `secret_key_missing`, `secret_unreadable`. */
export interface Connections {
  list(): Promise<readonly ConnectionRow[]>;
  get(id: string): Promise<OpenConnection | null>;
  byName(name: string): Promise<OpenConnection | null>;
  /** The one marked, null when there is none. The first one made is marked. */
  default(): Promise<OpenConnection | null>;
  create(connection: ConnectionInput): Promise<ConnectionRow>;
  update(id: string, change: Partial<ConnectionInput>): Promise<ConnectionRow | null>;
  /** False: there was none. */
  remove(id: string): Promise<boolean>;
  /** Marks this one and no other; false: there is none. */
  markDefault(id: string): Promise<boolean>;
}

/** A hit of the full-text search, best first. `excerpt` is plain text around the words found. */
export type DocumentHit = { readonly title: string; readonly address: string; readonly excerpt: string };

/** The knowledge base of the search tool. */
export interface Documents {
  /** One row per slug; the last text wins. */
  upsert(document: {
    readonly slug: string;
    readonly title: string;
    readonly address: string;
    readonly text: string;
  }): Promise<void>;
  /** Words, "phrases", or, -not, as on the web. When no document has all words, those with most of them. */
  search(query: string, limit: number): Promise<readonly DocumentHit[]>;
  remove(slug: string): Promise<boolean>;
}

/** A key of the REST API; the key itself is shown once and kept as sha-256. */
export type ApiKeyRow = {
  readonly id: string;
  readonly projectId: string;
  readonly name: string;
  readonly prefix: string;
  readonly createdAt: string;
};

/** API keys. */
export interface ApiKeys {
  create(name: string): Promise<{ readonly row: ApiKeyRow; readonly key: string }>;
  /** The row of a valid key, else null. */
  verify(key: string): Promise<ApiKeyRow | null>;
  list(): Promise<readonly ApiKeyRow[]>;
  remove(id: string): Promise<boolean>;
}

/** Named secrets that documents refer to, sealed as connection keys are. */
export interface Credentials {
  list(): Promise<readonly { readonly id: string; readonly name: string; readonly createdAt: string }[]>;
  set(name: string, value: Json): Promise<void>;
  get(name: string): Promise<Json | null>;
  remove(name: string): Promise<boolean>;
}

/** All that people edit, for one project. */
export interface Catalog {
  readonly projectId: string;
  readonly pipelines: Pipelines;
  readonly revisions: Revisions;
  readonly runs: Runs;
  readonly waits: Waits;
  readonly webhooks: Webhooks;
  readonly schedules: Schedules;
  readonly connections: Connections;
  readonly documents: Documents;
  readonly apiKeys: ApiKeys;
  readonly credentials: Credentials;
  /** Names of the project and of the local user, for the session. */
  session(): Promise<{
    readonly project: { readonly id: string; readonly name: string };
    readonly user: { readonly id: string; readonly name: string; readonly timezone: string | null };
  }>;
  /** The zone of the owner's schedules that name none, from the next publish on; null: that of the machine. */
  setTimezone(zone: string | null): Promise<void>;
}
