import type { Usage } from '@switchyard/pipeline';
import { z } from 'zod';
import type { ChatDelta, ChatReply } from './contract.ts';
import { ModelError } from './errors.ts';

/*
 * Puts a streamed turn together. Servers differ: deltas without index, ids repeated or sent late, one index for two
 * calls, a whole call in one delta, a whole message instead of deltas, empty strings where nothing is meant. A piece of
 * a call belongs to the call with its id, else with its index, else to the one that is being written.
 */

const text = z.string().nullish();
const WireCall = z.object({
  index: z.number().nullish(),
  id: text,
  function: z.object({ name: text, arguments: text }).nullish(),
});
const WireDelta = z.object({
  content: text,
  reasoning_content: text,
  reasoning: text,
  tool_calls: z.array(WireCall).nullish(),
});
const WireChoice = z.object({
  delta: WireDelta.nullish(),
  message: WireDelta.nullish(),
  finish_reason: text,
  token_ids: z.array(z.number()).nullish(),
});
const WireUsage = z.object({
  prompt_tokens: z.number(),
  completion_tokens: z.number(),
  prompt_tokens_details: z.object({ cached_tokens: z.number().nullish() }).nullish(),
});
const WireChunk = z.object({
  model: text,
  choices: z.array(WireChoice).nullish(),
  usage: WireUsage.nullish(),
  error: z
    .union([z.string(), z.object({ message: text, code: z.union([z.string(), z.number()]).nullish(), type: text })])
    .nullish(),
});

type OpenCall = { id: string; index: number | null; name: string; pieces: string[] };
type Piece = z.infer<typeof WireCall>;

/** Collects one turn. */
export interface TurnCollector {
  /** Takes one JSON text of the stream, or a whole answer. Throws `ModelError`. */
  take(data: string): void;
  /** True once a finish reason came. */
  readonly finished: boolean;
  /** The turn so far. */
  reply(): ChatReply;
}

/** The part of a turn that is continued. */
export type Prefix = { readonly thought: string; readonly text: string; readonly tokens: readonly number[] };

/** A collector that goes on after `prefix` and reports what is new to `onDelta`. */
export function collectTurn(model: string, prefix: Prefix | null, onDelta: (delta: ChatDelta) => void): TurnCollector {
  const turn = {
    model,
    thought: prefix?.thought ?? '',
    text: prefix?.text ?? '',
    tokens: [...(prefix?.tokens ?? [])],
    finishReason: '',
    usage: { prompt: 0, completion: 0, cached: 0 },
  };
  const calls: OpenCall[] = [];
  const takeChoice = (choice: z.infer<typeof WireChoice>): void => {
    const delta = choice.delta ?? choice.message ?? {};
    const thought = delta.reasoning_content || delta.reasoning || '';
    const said = delta.content || '';
    const tokens = choice.token_ids ?? [];
    turn.thought += thought;
    turn.text += said;
    turn.tokens.push(...tokens);
    for (const piece of delta.tool_calls ?? []) addPiece(calls, piece);
    if (choice.finish_reason) turn.finishReason = choice.finish_reason;
    // what is continued later must end before a call: half a call cannot be told from its pieces
    if (calls.length === 0 && (thought !== '' || said !== '' || tokens.length > 0))
      onDelta({ thought, text: said, tokens });
  };
  return {
    take(data) {
      const chunk = parseChunk(data);
      if (chunk.error) throw streamError(chunk.error);
      if (chunk.model) turn.model = chunk.model;
      const choice = chunk.choices?.[0];
      if (choice) takeChoice(choice);
      if (chunk.usage)
        turn.usage = {
          prompt: chunk.usage.prompt_tokens,
          completion: chunk.usage.completion_tokens,
          cached: chunk.usage.prompt_tokens_details?.cached_tokens ?? 0,
        };
    },
    get finished() {
      return turn.finishReason !== '';
    },
    reply: () => ({
      model: turn.model,
      thought: turn.thought,
      text: turn.text,
      calls: calls
        .filter((call) => call.name !== '')
        .map((call) => ({ id: call.id, name: call.name, arguments: call.pieces.join('') || '{}' })),
      finishReason: turn.finishReason,
      usage: prefix ? wholeTurn(turn.usage, prefix.tokens.length) : turn.usage,
      ...(turn.tokens.length > 0 ? { tokens: turn.tokens } : {}),
    }),
  };
}

/** A server counts the continued tokens with the prompt; they are the turn's. */
function wholeTurn(usage: Usage, continued: number): Usage {
  const prompt = Math.max(usage.prompt - continued, 0);
  return { prompt, completion: usage.completion + continued, cached: Math.min(usage.cached ?? 0, prompt) };
}

function addPiece(calls: OpenCall[], piece: Piece): void {
  const id = piece.id ?? '';
  const index = piece.index ?? null;
  let call = id === '' ? undefined : calls.find((open) => open.id === id);
  call ??= index === null ? undefined : calls.findLast((open) => open.index === index && (id === '' || open.id === ''));
  if (!call && id === '' && index === null && !piece.function?.name) call = calls.at(-1);
  if (!call) {
    call = { id, index, name: '', pieces: [] };
    calls.push(call);
  }
  if (call.id === '') call.id = id;
  if (call.name === '') call.name = piece.function?.name ?? '';
  if (piece.function?.arguments) call.pieces.push(piece.function.arguments);
}

function parseChunk(data: string): z.infer<typeof WireChunk> {
  try {
    return WireChunk.parse(JSON.parse(data));
  } catch (error) {
    throw new ModelError(
      'model_protocol',
      `the model server sent something that is not a chat completion: ${data.slice(0, 200)}`,
      {
        retryable: false,
        hint: 'Check that the base URL of the model connection ends in /v1 and speaks the OpenAI chat protocol.',
        cause: error,
      },
    );
  }
}

function streamError(error: NonNullable<z.infer<typeof WireChunk>['error']>): ModelError {
  const message = typeof error === 'string' ? error : (error.message ?? 'no reason given');
  const retryable =
    typeof error === 'string' || !/invalid|bad_request|context_length/.test(`${error.type} ${error.code}`);
  return new ModelError('model_failed', `the model server broke the turn off: ${message}`, {
    retryable,
    hint: 'See the log of the model server.',
  });
}
