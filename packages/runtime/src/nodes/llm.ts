import type { ChatMessage, ChatReply } from '@switchyard/agent';
import { z } from 'zod';
import type { NodeContext, NodeOutcome } from '../contract.ts';
import { RetryableError } from '../errors.ts';

const Config = z.object({
  connection: z.string().optional(),
  system: z.string(),
  prompt: z.string(),
  temperature: z.number(),
  maxTokens: z.number(),
});

/** One question to a model. */
export type Question = {
  readonly connection: string | undefined;
  readonly messages: readonly ChatMessage[];
  readonly temperature: number;
  readonly maxTokens: number;
};

/** Takes one turn without tools. Throws `ModelError`, and `no_answer` (retryable) when nothing was said. */
export async function ask({ ports, signal }: NodeContext, question: Question): Promise<ChatReply> {
  const { model } = await ports.models.open(question.connection ?? null);
  const { messages, temperature, maxTokens } = question;
  const reply = await model.chat({ messages, tools: [], temperature, maxTokens }, { signal, onDelta: () => {} });
  if (reply.text.trim() !== '') return reply;
  throw new RetryableError('no_answer', 'The model said nothing.', {
    hint:
      reply.finishReason === 'length'
        ? 'Its thought used up the tokens: allow more of them.'
        : 'Try again, or reword the prompt.',
    details: { thought: reply.thought.slice(-2_000), usage: { ...reply.usage } },
  });
}

/** The messages of a first question. */
export const opening = (system: string, prompt: string): readonly ChatMessage[] => [
  ...(system === '' ? [] : [{ role: 'system' as const, content: system }]),
  { role: 'user' as const, content: prompt },
];

/** Asks a model once. */
export async function runLlm(context: NodeContext): Promise<NodeOutcome> {
  const { connection, system, prompt, temperature, maxTokens } = Config.parse(context.config);
  const reply = await ask(context, { connection, messages: opening(system, prompt), temperature, maxTokens });
  return {
    output: {
      text: reply.text,
      ...(reply.thought === '' ? {} : { thought: reply.thought }),
      cut: reply.finishReason === 'length',
      usage: { ...reply.usage },
    },
    ports: ['out'],
  };
}
