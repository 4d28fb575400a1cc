import type { ChatMessage, ChatRequest, ToolDeclaration } from './contract.ts';

/** How a server spells what the OpenAI protocol leaves open. `kimi`: thoughts sent back, sampled ids, continuation. `openai`: plain. */
export type Dialect = 'kimi' | 'openai';

/** The body of `POST /chat/completions`. Streams, with usage at the end. */
export function chatBody(
  request: ChatRequest,
  options: { readonly model: string; readonly dialect: Dialect; readonly partial: readonly number[] | null },
): string {
  return JSON.stringify({
    model: options.model,
    messages: request.messages.map((message) => wireMessage(message, options.dialect)),
    ...(request.tools.length > 0 ? { tools: request.tools.map(wireTool) } : {}),
    temperature: request.temperature,
    max_tokens: request.maxTokens,
    ...(request.seed === undefined ? {} : { seed: request.seed }),
    stream: true,
    stream_options: { include_usage: true },
    ...(options.dialect === 'kimi' ? { return_token_ids: true } : {}),
    ...(options.partial ? { partial_token_ids: options.partial } : {}),
  });
}

/** The body of `POST /tokenize`. */
export const tokenizeBody = (
  request: { readonly messages: readonly ChatMessage[]; readonly tools: readonly ToolDeclaration[] },
  model: string,
): string =>
  JSON.stringify({
    model,
    messages: request.messages.map((message) => wireMessage(message, 'kimi')),
    ...(request.tools.length > 0 ? { tools: request.tools.map(wireTool) } : {}),
  });

const wireTool = (tool: ToolDeclaration) => ({
  type: 'function',
  function: { name: tool.name, description: tool.description, parameters: tool.parameters },
});

function wireMessage(message: ChatMessage, dialect: Dialect): Record<string, unknown> {
  switch (message.role) {
    case 'system':
    case 'user':
      return { role: message.role, content: message.content };
    case 'tool':
      return { role: 'tool', tool_call_id: message.callId, content: message.content };
    case 'assistant':
      return {
        role: 'assistant',
        content: message.content === '' && message.calls.length > 0 && dialect === 'openai' ? null : message.content,
        // both spellings: vLLM reads `reasoning`, the family's own servers `reasoning_content`
        ...(dialect === 'kimi' ? { reasoning_content: message.reasoning, reasoning: message.reasoning } : {}),
        ...(message.calls.length > 0
          ? {
              tool_calls: message.calls.map((call) => ({
                id: call.id,
                type: 'function',
                function: { name: call.name, arguments: call.arguments },
              })),
            }
          : {}),
      };
  }
}
