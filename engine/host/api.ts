/*
 * Wire types of the inference server: the OpenAI chat protocol plus what the Kimi family needs. Types only, so that
 * clients can share them without loading the engine. Fields beyond OpenAI's are marked «extension».
 */

/** A tool call on the wire. `arguments` is JSON as text, as the model wrote it; the engine does not check it yet. */
export type WireToolCall = {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: string };
};

/** One message of a conversation. Content parts other than text are refused. */
export type WireMessage = {
  readonly role: 'system' | 'developer' | 'user' | 'assistant' | 'tool';
  readonly name?: string;
  readonly content?: string | null | readonly { readonly type: 'text'; readonly text: string }[];
  /** extension: the thought of an earlier turn, sent back verbatim; either spelling. */
  readonly reasoning_content?: string | null;
  readonly reasoning?: string | null;
  readonly tool_calls?: readonly WireToolCall[];
  readonly tool_call_id?: string;
};

/** A tool the model may call; `parameters` is a JSON Schema. Names match `[a-zA-Z0-9_.-]{1,64}`. */
export type WireTool = {
  readonly type: 'function';
  readonly function: {
    readonly name: string;
    readonly description?: string;
    readonly parameters?: Record<string, unknown>;
  };
};

/** `POST /v1/chat/completions`. Unknown fields are ignored; wrong types are answered 400 with `param` naming the field. */
export type ChatCompletionRequest = {
  readonly model: string;
  readonly messages: readonly WireMessage[];
  readonly tools?: readonly WireTool[];
  readonly tool_choice?:
    | 'none'
    | 'auto'
    | 'required'
    | { readonly type: 'function'; readonly function: { readonly name: string } };
  readonly temperature?: number;
  readonly top_p?: number;
  readonly max_tokens?: number;
  readonly max_completion_tokens?: number;
  readonly seed?: number;
  readonly stop?: string | readonly string[];
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean };
  /** extension: answer with the sampled ids (`token_ids`), so that a turn can be journaled and continued exactly. */
  readonly return_token_ids?: boolean;
  /** extension: sampled ids of a turn that was cut; generation goes on after them and the answer holds only what is new. */
  readonly partial_token_ids?: readonly number[];
};

/** Token counts. `prompt_tokens` is the rendered prompt exactly, plus a partial turn; `cached_tokens` of it were not computed again. */
export type WireUsage = {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly prompt_tokens_details?: { readonly cached_tokens: number };
};

/** What one event adds: a role, or thought, or text, or a piece of a call, never two of them. A call's first piece brings id and name. */
export type WireDelta = {
  readonly role?: 'assistant';
  readonly content?: string;
  readonly reasoning_content?: string;
  readonly reasoning?: string;
  readonly tool_calls?: readonly {
    readonly index: number;
    readonly id?: string;
    readonly type?: 'function';
    readonly function: { readonly name?: string; readonly arguments?: string };
  }[];
};

/** Why an answer ended: by itself or a stop text, at max_tokens or the end of the context, or with at least one whole call. */
export type FinishReason = 'stop' | 'length' | 'tool_calls';

/** One event of a stream. Exactly one has a finish reason; with include_usage a last one has no choices but usage. */
export type ChatCompletionChunk = {
  readonly id: string;
  readonly object: 'chat.completion.chunk';
  readonly created: number;
  readonly model: string;
  readonly choices: readonly {
    readonly index: number;
    readonly delta: WireDelta;
    readonly finish_reason: FinishReason | null;
    readonly token_ids?: readonly number[];
  }[];
  readonly usage?: WireUsage;
};

/** A whole answer. `content` is null only where there are calls and no text; `tool_calls` is absent where there are none. */
export type ChatCompletion = {
  readonly id: string;
  readonly object: 'chat.completion';
  readonly created: number;
  readonly model: string;
  readonly choices: readonly {
    readonly index: number;
    readonly message: {
      readonly role: 'assistant';
      readonly content: string | null;
      readonly reasoning_content?: string;
      readonly reasoning?: string;
      readonly tool_calls?: readonly WireToolCall[];
    };
    readonly finish_reason: FinishReason;
    readonly token_ids?: readonly number[];
  }[];
  readonly usage: WireUsage;
};

/** extension: `POST /v1/tokenize` counts the prompt of a chat request exactly. */
export type TokenizeRequest = Pick<ChatCompletionRequest, 'messages' | 'tools'>;
/** The prompt as ids; `count` is their number. */
export type TokenizeAnswer = { readonly count: number; readonly tokens: readonly number[] };

/** `GET /v1/models`. `context_window` is in tokens, prompt and answer together. */
export type ModelList = {
  readonly object: 'list';
  readonly data: readonly {
    readonly id: string;
    readonly object: 'model';
    readonly created: number;
    readonly owned_by: string;
    readonly context_window: number;
  }[];
};

/** Body of every error. `code` is stable; `param` is the path of the offending field. */
export type WireError = {
  readonly error: { readonly message: string; readonly type: string; readonly code: string; readonly param?: string };
};
