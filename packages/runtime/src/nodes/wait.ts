import { z } from 'zod';
import type { NodeContext, NodeOutcome } from '../contract.ts';
import { TerminalError, WaitRequested } from '../errors.ts';

const Config = z.object({
  mode: z.enum(['duration', 'until', 'webhook']),
  seconds: z.coerce.number().min(0).optional(),
  until: z.string().optional(),
  deadlineSeconds: z.number().optional(),
});
type Config = z.infer<typeof Config>;

/** Waits for a time or for a call from outside; the step is held by nobody meanwhile. */
export async function runWait(context: NodeContext): Promise<NodeOutcome> {
  const config = Config.parse(context.config);
  const { wait } = context;
  if (wait?.woken) return { output: wait.woken.value, ports: ['out'] };
  if (wait?.expired) return { output: { until: wait.until }, ports: [config.mode === 'webhook' ? 'expired' : 'out'] };
  if (config.mode === 'webhook')
    throw new WaitRequested({
      reason: 'webhook',
      ...(config.deadlineSeconds === undefined ? {} : { dueInMs: config.deadlineSeconds * 1_000 }),
    });
  const now = context.ports.clock.now();
  const until = endOf(config, now);
  if (until <= now) return { output: { until: new Date(until).toISOString() }, ports: ['out'] };
  throw new WaitRequested({ reason: 'time', dueInMs: until - now });
}

/** Milliseconds since 1970. */
function endOf({ mode, seconds, until }: Config, now: number): number {
  if (mode === 'duration') {
    if (seconds === undefined) throw missing('seconds', 'Say how many seconds it waits.');
    return now + seconds * 1_000;
  }
  const at = Date.parse(until ?? '');
  if (Number.isNaN(at)) throw missing('until', `“${(until ?? '').slice(0, 100)}” is not an ISO 8601 time.`);
  return at;
}

const missing = (field: string, message: string): TerminalError =>
  new TerminalError('invalid_config', `${field}: ${message}`, {
    hint: 'Look at the node’s settings and at the values its templates gave.',
  });
