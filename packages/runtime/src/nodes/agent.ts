import {
  type AgentRequest,
  type AgentResult,
  type ChatModel,
  httpFetchTool,
  runAgent,
  runCodeTool,
  searchTool,
  type Tool,
} from '@switchyard/agent';
import { crashPoint } from '@switchyard/journal';
import { evaluateCondition, Json, type Scope } from '@switchyard/pipeline';
import { z } from 'zod';
import type { NodeContext, NodeOutcome, NodePorts, OpenModel } from '../contract.ts';
import { TerminalError } from '../errors.ts';

const Config = z.object({
  connection: z.string().optional(),
  system: z.string(),
  prompt: z.string(),
  tools: z.array(z.enum(['http_fetch', 'run_code', 'search'])),
  answer: z.enum(['text', 'json']),
  accept: z.string().optional(),
  temperature: z.number(),
  maxTokens: z.number(),
  maxTurns: z.number(),
  windowTokens: z.number().optional(),
  retakes: z.number(),
});
type Config = z.infer<typeof Config>;

/** Assumed where a server does not tell its model's context: small enough for any model that calls tools. */
const CAUTIOUS_CONTEXT = 32_768;
const SMALLEST_WINDOW = 64;

/** Lets a model work at the node's task; goes on where this step's journal ends, after a crash and after a retry. */
export async function runAgentNode(context: NodeContext): Promise<NodeOutcome> {
  const config = Config.parse(context.config);
  const open = await context.ports.models.open(config.connection ?? null);
  const result = await runAgent(requestOf(config, open, context.scope), await context.journal.history(), {
    model: crashableModel(open.model, context.runId),
    tools: config.tools.map((name) => crashableTool(toolNamed(name, context.ports), context.runId)),
    journal: context.journal,
    clock: context.ports.clock,
    signal: context.signal,
    paused: context.paused,
    identity: `${context.runId}/${context.stepKey}`,
  });
  return { output: outputOf(result, config), ports: ['out'] };
}

/** Marks the moments around an effect at which a test may kill the process. */
function crashableTool(tool: Tool, runId: string): Tool {
  const scene = { runId, kinds: [tool.declaration.name] };
  return {
    ...tool,
    call: async (args, options) => {
      crashPoint('tool.before-effect', scene);
      const result = await tool.call(args, options);
      crashPoint('tool.after-effect', scene);
      return result;
    },
  };
}

/** Marks the moments inside a streaming turn. */
function crashableModel(model: ChatModel, runId: string): ChatModel {
  return {
    countTokens: (request) => model.countTokens(request),
    chat: (request, { signal, onDelta }) =>
      model.chat(request, {
        signal,
        onDelta: (delta) => {
          onDelta(delta);
          crashPoint('turn.in-stream', { runId });
        },
      }),
  };
}

function requestOf(config: Config, open: OpenModel, scope: Scope): AgentRequest {
  return {
    system: config.system,
    prompt: config.prompt,
    temperature: config.temperature,
    maxTokens: config.maxTokens,
    maxTurns: config.maxTurns,
    windowTokens:
      config.windowTokens ?? Math.max(SMALLEST_WINDOW, (open.contextTokens ?? CAUTIOUS_CONTEXT) - config.maxTokens),
    retakes: config.retakes,
    accept: ({ text, lastResult }) => refusalOf(config, { answer: text, lastResult }, scope),
  };
}

function refusalOf(
  config: Config,
  extra: { readonly answer: string; readonly lastResult: string },
  scope: Scope,
): string | null {
  if (config.answer === 'json' && parseJson(extra.answer) === undefined) return 'The answer is not JSON.';
  if (config.accept === undefined || evaluateCondition(config.accept, { ...scope, extra })) return null;
  return 'The answer does not meet the accept condition.';
}

function toolNamed(name: Config['tools'][number], ports: NodePorts): Tool {
  switch (name) {
    case 'http_fetch':
      return httpFetchTool({ page: (url, { signal }) => readPage(ports, url, signal), clock: ports.clock });
    case 'run_code':
      return runCodeTool({ code: async (code, { signal }) => (await ports.sandbox.runScript(code, { signal })).text });
    case 'search':
      return searchTool({ documents: (query, { limit }) => ports.documents.search(query, limit) });
  }
}

async function readPage(ports: NodePorts, url: string, signal: AbortSignal) {
  const response = await ports.http.send({ method: 'GET', url, signal });
  return {
    status: response.status,
    url: response.url,
    contentType: response.headers['content-type'] ?? '',
    text: response.text(),
  };
}

function outputOf(result: AgentResult, config: Config): Json {
  const { text, turns, calls, usage, partial } = result;
  const plain = { text, turns, calls, usage: { ...usage }, partial };
  if (config.answer === 'text') return plain;
  const json = parseJson(text);
  if (json === undefined)
    throw new TerminalError('answer_not_json', 'The answer of the agent is not JSON.', {
      details: { text: text.slice(0, 2_000) },
    });
  return { ...plain, json };
}

function parseJson(text: string): Json | undefined {
  try {
    return Json.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
