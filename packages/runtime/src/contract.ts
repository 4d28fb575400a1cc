import type { AgentJournal, ChatModel, Clock } from '@switchyard/agent';
import type { DocumentHit, StartRunRequest } from '@switchyard/journal';
import type { Failure, JournalEvent, Json, NodeConfig, Scope } from '@switchyard/pipeline';
import type { Sandbox } from '@switchyard/sandbox';
import type { WaitReason } from './errors.ts';
import type { Outbound } from './outbound/index.ts';
import type { Random } from './system.ts';

/** A model an agent step can use. */
export type OpenModel = {
  readonly model: ChatModel;
  /** Tokens of prompt and reply together, as the server says; null where it does not. */
  readonly contextTokens: number | null;
};

/** The way from the name of a model connection to the model. */
export interface Models {
  /** The connection of this name, the default one for null. Throws `TerminalError` `connection_not_found`, `no_connection`. */
  open(connection: string | null): Promise<OpenModel>;
}

/** Finds documents of the project, best first. */
export interface DocumentSearch {
  search(query: string, limit: number): Promise<readonly DocumentHit[]>;
}

/** Opens a named secret of the project; null where there is none. Its value never leaves the request it is for. */
export interface CredentialStore {
  get(name: string): Promise<Json | null>;
}

/** The world as nodes reach it. One set for the whole worker. */
export type NodePorts = {
  readonly clock: Clock;
  readonly random: Random;
  /** The only way out for addresses that users, pipelines or models name. */
  readonly http: Outbound;
  readonly sandbox: Sandbox;
  readonly models: Models;
  readonly documents: DocumentSearch;
  readonly credentials: CredentialStore;
};

/** A run that a step called, as it stands. `output` and `failure` are null while it lives. */
export type ChildRun = {
  readonly runId: string;
  readonly state: 'running' | 'succeeded' | 'failed' | 'cancelled';
  readonly output: Json;
  readonly failure: Failure | null;
};

/** Who calls, from which node, with what. */
export type CallOrder = {
  readonly runId: string;
  readonly stepKey: string;
  readonly node: string;
  readonly input: Json;
};

/** Runs that steps call. */
export interface Calls {
  /**
   * The start of the run that this node calls, at the revision its own revision pins; written with the caller's append.
   * Throws `TerminalError` `depth_exceeded`, `no_pin`, `no_pipeline_trigger`.
   */
  request(order: CallOrder): Promise<StartRunRequest>;
  /** How a called run stands. */
  look(runId: string): Promise<ChildRun>;
  /** Cancels a called run and what it called. */
  cancel(runId: string): Promise<void>;
}

/** What a step that has waited finds when it is claimed again. */
export type NodeWait = {
  readonly reason: Exclude<WaitReason, 'paused' | 'decision'>;
  /** When it would go on without an answer, ISO 8601; null: never. */
  readonly until: string | null;
  /** The answer it was woken with; null: it was not. `value` of an approval: `{approved, comment}`. */
  readonly woken: { readonly by: string | null; readonly value: Json } | null;
  /** Its time passed without an answer. */
  readonly expired: boolean;
  /** The run it called, with reason `child`. */
  readonly child: ChildRun | null;
};

/** The step's own part of the journal, for nodes that write while they work. */
export interface StepJournal extends AgentJournal {
  /** All events of this step so far, in order, of earlier attempts and workers too. */
  history(): Promise<readonly JournalEvent[]>;
}

/** What a node's work gets. */
export type NodeContext = {
  /** Resolved against the scope and checked against the node type's schema, with its defaults. */
  readonly config: NodeConfig;
  /** As the document holds it. */
  readonly rawConfig: NodeConfig;
  readonly scope: Scope;
  /** Aborted when the step must end: cancel, time-out, lease lost, shutdown. What follows is thrown away. */
  readonly signal: AbortSignal;
  /** From 1; rises with `step.retrying` only. */
  readonly attempt: number;
  /** Workers that died with this step in hand. Over 0: an earlier try may have had its effect. */
  readonly crashes: number;
  /** Milliseconds the step may take, null where the node sets no limit. */
  readonly timeoutMs: number | null;
  readonly runId: string;
  readonly stepKey: string;
  /** Id of the node. */
  readonly node: string;
  readonly ports: NodePorts;
  readonly journal: StepJournal;
  /** Null: this attempt has not waited. */
  readonly wait: NodeWait | null;
  /** Whether the run is paused now: a node that can wait without losing anything should. */
  readonly paused: () => boolean;
  readonly calls: Calls;
};

/** What a node's work brought: the step's output and the ports its edges leave by. */
export type NodeOutcome = { readonly output: Json; readonly ports: readonly string[] };

/**
 * One node type's work. Guarantee of the caller: the step is claimed. Duty: look at `signal`; hold the effect back until
 * everything it needs is there. Throws what it likes; `asStepError` knows what it means.
 */
export type NodeRun = (context: NodeContext) => Promise<NodeOutcome>;
