import { Json } from '@switchyard/pipeline';
import { z } from 'zod';
import type { ChildRun, NodeContext, NodeOutcome } from '../contract.ts';
import { RetryableError, WaitRequested } from '../errors.ts';

const Config = z.object({ pipeline: z.string(), input: Json, wait: z.boolean() });

/** Calls another pipeline: the called run and the wait for it are one append, so there is never the one without the other. */
export async function runPipeline(context: NodeContext): Promise<NodeOutcome> {
  const child = context.wait?.child ?? null;
  if (child !== null) {
    if (child.state === 'running') throw new WaitRequested({ reason: 'child', child: { runId: child.runId } });
    return endOf(child);
  }
  const { input, wait } = Config.parse(context.config);
  const { runId, stepKey, node } = context;
  const start = await context.calls.request({ runId, stepKey, node, input });
  if (!wait) return { output: { run: start.runId }, ports: ['out'], child: start };
  throw new WaitRequested({ reason: 'child', child: { runId: start.runId, start } });
}

function endOf(child: ChildRun): NodeOutcome {
  if (child.state === 'succeeded') return { output: child.output, ports: ['out'] };
  const { code = 'failed', message = 'The called run failed.', hint } = child.failure ?? {};
  throw new RetryableError(code, message, {
    details: { run: child.runId },
    ...(hint === undefined ? {} : { hint }),
  });
}
