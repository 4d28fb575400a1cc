import { Json } from '@switchyard/pipeline';
import { z } from 'zod';
import type { ChildRun, NodeContext, NodeOutcome } from '../contract.ts';
import { RetryableError, WaitRequested } from '../errors.ts';

const Config = z.object({ pipeline: z.string(), input: Json, wait: z.boolean() });

/**
 * Calls another pipeline: the called run and the wait for it are one append, so there is never the one without the other.
 * A call that is not waited for is the same with a wait that is over at once.
 */
export async function runPipeline(context: NodeContext): Promise<NodeOutcome> {
  const { input, wait } = Config.parse(context.config);
  const child = context.wait?.child ?? null;
  if (child !== null && !wait) return { output: { run: child.runId }, ports: ['out'] };
  if (child !== null) {
    if (child.state === 'running') throw new WaitRequested({ reason: 'child', child: { runId: child.runId } });
    return endOf(child);
  }
  const { runId, stepKey, node } = context;
  const start = await context.calls.request({ runId, stepKey, node, input });
  throw new WaitRequested({
    reason: 'child',
    child: { runId: start.runId, start },
    ...(wait ? {} : { dueInMs: 0 }),
  });
}

function endOf(child: ChildRun): NodeOutcome {
  if (child.state === 'succeeded') return { output: child.output, ports: ['out'] };
  const { code = 'failed', message = 'The called run failed.', hint } = child.failure ?? {};
  throw new RetryableError(code, message, {
    details: { run: child.runId },
    ...(hint === undefined ? {} : { hint }),
  });
}
