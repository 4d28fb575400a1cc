import { Json } from '@switchyard/pipeline';
import { z } from 'zod';
import type { NodeContext, NodeOutcome } from '../contract.ts';

const Config = z.object({ code: z.string(), input: Json });

/** Runs the node's JavaScript over its input in the sandbox. Time: the node's limit, else the sandbox's own. */
export async function runCode(context: NodeContext): Promise<NodeOutcome> {
  const { code, input } = Config.parse(context.config);
  const { value } = await context.ports.sandbox.runFunction(code, input, {
    signal: context.signal,
    ...(context.timeoutMs === null ? {} : { limits: { timeoutMs: context.timeoutMs } }),
  });
  return { output: Json.parse(value), ports: ['out'] };
}
