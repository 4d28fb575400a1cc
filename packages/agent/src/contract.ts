import type { EventBody, JournalEvent, StoredValue, ToolCall, Usage } from '@switchyard/pipeline';

/** Time as a parameter. `now` is wall-clock ms for people; `elapsed` is monotonic ms for durations. */
export interface Clock {
  now(): number;
  elapsed(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** A chat message as the OpenAI protocol has it, with the thought sent back. */
export type ChatMessage =
  | { readonly role: 'system' | 'user'; readonly content: string }
  | {
      readonly role: 'assistant';
      readonly content: string;
      readonly reasoning: string;
      readonly calls: readonly ToolCall[];
    }
  | { readonly role: 'tool'; readonly callId: string; readonly content: string };

/** A tool as the model is told of it. `parameters` is a JSON Schema; member order is sent as it is. */
export type ToolDeclaration = {
  readonly name: string;
  readonly description: string;
  readonly parameters: Record<string, unknown>;
};

/** One turn to be taken. `seed` makes the sampling repeatable where the server can. */
export type ChatRequest = {
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ToolDeclaration[];
  readonly temperature: number;
  readonly maxTokens: number;
  readonly seed?: number;
  /** Tokens of a turn cut by a crash: continue exactly there when the model can, else the turn is taken again. */
  readonly resume?: { readonly thought: string; readonly text: string; readonly tokens: readonly number[] };
};

/** What a turn brought. `tokens` are the sampled ids where the server tells them. */
export type ChatReply = {
  readonly model: string;
  readonly thought: string;
  readonly text: string;
  readonly calls: readonly ToolCall[];
  readonly finishReason: string;
  readonly usage: Usage;
  readonly tokens?: readonly number[];
};

/** A piece of a streaming turn; `tokens` are the sampled ids of the piece, in order, where the server tells them. */
export type ChatDelta = { readonly thought?: string; readonly text?: string; readonly tokens?: readonly number[] };

/** A model behind the OpenAI chat protocol. Throws `ModelError` with a code and whether trying again can help. */
export interface ChatModel {
  /**
   * Streams one turn; `signal` closes the connection, which frees the slot at our engine. The deltas and the reply hold the
   * whole turn: where `resume` is continued, its part is the first delta; where it is not, it does not appear at all.
   */
  chat(request: ChatRequest, options: { signal: AbortSignal; onDelta: (delta: ChatDelta) => void }): Promise<ChatReply>;
  /** Prompt tokens of a request, exactly where the server can count, else an estimate. */
  countTokens(request: Pick<ChatRequest, 'messages' | 'tools'>): Promise<number>;
}

/** What happens outside when a call is made, and what to do when its outcome is unknown after a crash. */
export type ToolEffect = 'none' | 'repeatable' | 'once';
/** See `ToolEffect`: make it again, ask the tool, ask a person, or report a failed call to the model. */
export type UnknownOutcomePolicy = 'repeat' | 'verify' | 'ask' | 'fail';

/** One tool. `call` answers with text for the model; throwing becomes a result that begins `error: `, not an end. */
export interface Tool {
  readonly declaration: ToolDeclaration;
  readonly effect: ToolEffect;
  readonly policy: UnknownOutcomePolicy;
  call(args: Record<string, unknown>, context: { signal: AbortSignal; idempotencyKey: string }): Promise<string>;
  /** For the policy `verify`: the result of the call made under this key, or null when the other side knows of none (it is then made again). */
  verify?(
    args: Record<string, unknown>,
    context: { signal: AbortSignal; idempotencyKey: string },
  ): Promise<string | null>;
}

/** Events an agent writes about its own step. */
export type AgentEvent = Extract<
  EventBody,
  { kind: `turn.${string}` | `thought.${string}` | `tool.${string}` | 'window.compacted' | 'budget.spent' | 'note' }
>;

/** The agent's port to the journal: fenced, in order, one transaction a call. Throws `LeaseLost` or `StopRequested` (see errors.ts). */
export interface AgentJournal {
  /** Guarantee: all or none, durable on return. `intent` when a tool will run after it. */
  append(events: readonly AgentEvent[], options: { intent: boolean }): Promise<void>;
  /** Text for the journal: inline up to 32 KiB, else a blob that the next append carries. */
  store(text: string): StoredValue;
  /** The text of a stored value. */
  load(value: StoredValue): Promise<string>;
}

/** The task and the bounds of one agent step. Must be the same when a step goes on after a crash. */
export type AgentRequest = {
  /** '' for none. */
  readonly system: string;
  readonly prompt: string;
  readonly temperature: number;
  readonly maxTokens: number;
  readonly maxTurns: number;
  /** Added to the take's number to make its seed; default 0. */
  readonly seed?: number;
  /** Tokens the model may see; older calls are hidden when a prompt passes it. */
  readonly windowTokens: number;
  /** How often in a row a bad turn is taken again (nothing said, cut, or refused by `accept`). */
  readonly retakes: number;
  /** Refuses an answer: a message why, or null to accept. `lastResult` is the text of the last tool result, '' when none. */
  readonly accept?: (answer: { text: string; lastResult: string }) => string | null;
};

/** The accepted answer; `usage` sums all takes, refused ones too. `partial`: the turns were used up before the model was done. */
export type AgentResult = {
  readonly text: string;
  readonly turns: number;
  readonly calls: number;
  readonly usage: Usage;
  readonly partial: boolean;
};

/** Everything outside the loop. */
export type AgentPorts = {
  /** Names this step in idempotency keys, unique per run and step; default: from the history's first event. */
  readonly identity?: string;
  readonly model: ChatModel;
  readonly tools: readonly Tool[];
  readonly journal: AgentJournal;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Asked before each turn; true: the loop ends there with `AgentPaused`. Default: never. */
  readonly paused?: () => boolean;
};

/** Runs the loop to its answer, beginning where `history` (this step's own events, in order) ends. */
export type RunAgent = (
  request: AgentRequest,
  history: readonly JournalEvent[],
  ports: AgentPorts,
) => Promise<AgentResult>;
