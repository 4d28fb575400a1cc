/*
 * Wire types of the inference server: the OpenAI chat protocol plus what the Kimi family needs. Types only, so that
 * clients can share them without loading the engine. Fields beyond OpenAI's are marked «extension».
 */

export type WireToolCall = {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: string };
};

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

export type WireTool = {
  readonly type: 'function';
  readonly function: {
    readonly name: string;
    readonly description?: string;
    readonly parameters?: Record<string, unknown>;
  };
};

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

export type WireUsage = {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly prompt_tokens_details?: { readonly cached_tokens: number };
};

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

export type FinishReason = 'stop' | 'length' | 'tool_calls';

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
export type TokenizeAnswer = { readonly count: number; readonly tokens: readonly number[] };

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

export type WireError = {
  readonly error: { readonly message: string; readonly type: string; readonly code: string; readonly param?: string };
};
