/* POST /v1/chat/completions: the request checked and turned into what the engine runs. */
import { z } from 'zod';
import { numberCalls } from './call-ids.ts';
import type { Conversation, Message } from './conversation.ts';
import type { GenerationRequest } from './generation.ts';
import type { ModelCard } from './models.ts';
import { Refusal } from './refusal.ts';
import type { CallRule } from './turn-grammar.ts';

const text = z.union([z.string(), z.array(z.looseObject({ type: z.literal('text'), text: z.string() }))]).nullish();

const callSchema = z.looseObject({
  id: z.string(),
  type: z.literal('function').optional(),
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
});

const messageSchema = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
  name: z.string().optional(),
  content: text,
  reasoning_content: z.string().nullish(),
  reasoning: z.string().nullish(),
  tool_calls: z.array(callSchema).nullish(),
  tool_call_id: z.string().optional(),
});

// A name with a colon would make call ids ambiguous.
const toolSchema = z.looseObject({
  type: z.literal('function'),
  function: z.looseObject({
    name: z.string().regex(/^[a-zA-Z0-9_.-]{1,64}$/),
    description: z.string().optional(),
    parameters: z.record(z.string(), z.unknown()).optional(),
  }),
});

const choiceSchema = z.union([
  z.enum(['none', 'auto', 'required']),
  z.looseObject({ type: z.literal('function'), function: z.looseObject({ name: z.string() }) }),
]);

const promptSchema = z.looseObject({ messages: z.array(messageSchema).min(1), tools: z.array(toolSchema).nullish() });

const chatSchema = promptSchema.extend({
  model: z.string(),
  tool_choice: choiceSchema.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  max_tokens: z.number().int().positive().nullish(),
  max_completion_tokens: z.number().int().positive().nullish(),
  seed: z.number().int().nullish(),
  stop: z.union([z.string().min(1), z.array(z.string().min(1)).max(16)]).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
  return_token_ids: z.boolean().nullish(),
  partial_token_ids: z.array(z.number().int().nonnegative()).nullish(),
  // Would change the answer and are not built yet: refused rather than ignored.
  n: z.literal(1, 'only n = 1 is supported').nullish(),
  logprobs: z.literal(false, 'logprobs are not supported yet').nullish(),
  response_format: z.looseObject({ type: z.literal('text', 'only text is supported yet') }).nullish(),
  presence_penalty: z.literal(0, 'penalties are not supported').nullish(),
  frequency_penalty: z.literal(0, 'penalties are not supported').nullish(),
});

/** A checked request. `generation` is what the engine runs, the rest is how to answer. */
export type ChatJob = {
  readonly generation: GenerationRequest;
  readonly calls: CallRule;
  readonly stopTexts: readonly string[];
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly returnTokenIds: boolean;
};

/** Checks a chat request against the model. @param drawSeed used when the request brings no seed @throws Refusal 400, 404 */
export function readChatRequest(body: unknown, card: ModelCard, drawSeed: () => number): ChatJob {
  const request = checked(chatSchema, body);
  if (request.model !== card.id)
    throw new Refusal(
      404,
      'model_not_found',
      `the model ${request.model} does not exist; this engine runs ${card.id}`,
      'model',
    );
  const { conversation, nextIndex } = readConversation(request);
  const calls = callRule(request, nextIndex);
  const prompt = encodePrompt(conversation, card);
  const partial = checkPartial(request.partial_token_ids ?? [], card);
  const room = card.contextWindow - prompt.length - partial.length;
  if (room < 1) throw tooLong(card, `${prompt.length + partial.length}`);
  const wanted = request.max_completion_tokens ?? request.max_tokens ?? room;
  const seed = (request.seed ?? drawSeed()) >>> 0;
  return {
    generation: {
      prompt,
      partial,
      maxTokens: Math.min(wanted, room),
      sampling: { temperature: request.temperature ?? 1, topP: request.top_p ?? 1, seed },
      calls,
      stops: card.stops,
    },
    calls,
    stopTexts: typeof request.stop === 'string' ? [request.stop] : (request.stop ?? []),
    stream: request.stream ?? false,
    includeUsage: request.stream_options?.include_usage ?? false,
    returnTokenIds: request.return_token_ids ?? false,
  };
}

/** The prompt of a tokenize request, exactly as a chat request with the same fields would have it. @throws Refusal 400 */
export function readPrompt(body: unknown, card: ModelCard): readonly number[] {
  return encodePrompt(readConversation(checked(promptSchema, body)).conversation, card);
}

/** Text that cannot fit is refused unencoded: encoding megabytes would hold up every other exchange. */
function encodePrompt(conversation: Conversation, card: ModelCard): readonly number[] {
  const segments = card.render(conversation);
  const bytes = segments.reduce((sum, { kind, text }) => sum + (kind === 'text' ? Buffer.byteLength(text) : 0), 0);
  const least = Math.ceil(bytes / card.tokenizer.longestPiece);
  if (least > card.contextWindow) throw tooLong(card, `at least ${least}`);
  return card.tokenizer.encodeSegments(segments);
}

function tooLong(card: ModelCard, tokens: string): Refusal {
  const message = `this model's maximum context length is ${card.contextWindow} tokens, the prompt holds ${tokens}`;
  return new Refusal(400, 'context_length_exceeded', message, 'messages');
}

function checked<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = (issue?.path ?? [])
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? String(part) : `.${String(part)}`))
    .join('');
  throw new Refusal(
    400,
    'invalid_request',
    `${path === '' ? 'body' : path}: ${issue?.message ?? 'invalid'}`,
    path === '' ? null : path,
  );
}

function readConversation(request: z.infer<typeof promptSchema>): {
  readonly conversation: Conversation;
  readonly nextIndex: number;
} {
  const { messages, nextIndex } = numberCalls(request.messages.map(readMessage));
  return { conversation: { messages, tools: request.tools ?? [] }, nextIndex };
}

function readMessage(message: z.infer<typeof messageSchema>, index: number): Message {
  const content =
    typeof message.content === 'string' ? message.content : (message.content ?? []).map((part) => part.text).join('');
  const label = message.name ? message.name : null;
  switch (message.role) {
    case 'user':
      return { role: 'user', label, content };
    case 'system':
    case 'developer':
      return { role: 'system', label, content };
    case 'tool':
      if (message.tool_call_id === undefined)
        throw new Refusal(
          400,
          'invalid_request',
          'a tool message needs tool_call_id',
          `messages[${index}].tool_call_id`,
        );
      return { role: 'tool', label, content, callId: message.tool_call_id };
    case 'assistant': {
      const calls = (message.tool_calls ?? []).map((call) => ({
        id: call.id,
        name: call.function.name,
        arguments: call.function.arguments,
      }));
      return {
        role: 'assistant',
        label,
        reasoning: message.reasoning_content ?? message.reasoning ?? '',
        content,
        calls,
      };
    }
  }
}

function callRule(request: z.infer<typeof chatSchema>, nextIndex: number): CallRule {
  const declared = (request.tools ?? []).map((tool) => tool.function.name);
  const twice = declared.find((name, i) => declared.indexOf(name) !== i);
  if (twice !== undefined) throw new Refusal(400, 'duplicate_tool', `the tool ${twice} is declared twice`, 'tools');
  const choice = request.tool_choice ?? 'auto';
  const parallel = request.parallel_tool_calls ?? true;
  if (choice === 'none') return { names: [], nextIndex, required: false, parallel };
  if (choice === 'auto') return { names: declared, nextIndex, required: false, parallel };
  const names = choice === 'required' ? declared : declared.filter((name) => name === choice.function.name);
  if (names.length === 0)
    throw new Refusal(400, 'invalid_tool_choice', 'tool_choice asks for a tool that is not declared', 'tool_choice');
  return { names, nextIndex, required: true, parallel };
}

function checkPartial(partial: readonly number[], card: ModelCard): readonly number[] {
  const wrong = partial.find((id) => id >= card.vocabSize || card.stops.includes(id));
  if (wrong !== undefined)
    throw new Refusal(
      400,
      'invalid_request',
      `partial_token_ids: ${wrong} is no id of an unfinished turn`,
      'partial_token_ids',
    );
  return partial;
}
