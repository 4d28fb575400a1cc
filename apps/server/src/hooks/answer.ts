import type { Database } from '@switchyard/journal';
import { type Graph, Json, type NewEvent, nodeOfStep, type StoredValue } from '@switchyard/pipeline';
import { z } from 'zod';
import type { Clock } from '../system.ts';

/** What the run has to say to its caller, or that it has not yet said it by the deadline. */
export type HookAnswer =
  | { readonly kind: 'respond'; readonly output: StoredValue }
  | { readonly kind: 'succeeded'; readonly output: StoredValue | null }
  | {
      readonly kind: 'failed';
      readonly failure: { readonly code: string; readonly message: string; readonly hint?: string | undefined };
    }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'late' };

/** Where an answer is looked for: `mode` is the webhook's. */
export type Asking = { readonly graph: Graph; readonly mode: 'at_once' | 'last_step' | 'respond' | 'stream' };

/** What to wait for. */
export type Waiting = Asking & {
  readonly runId: string;
  readonly deadlineMs: number;
  readonly gone: AbortSignal;
};

/**
 * Waits for the answer of a run in its journal, so it does not matter which worker brings it, or that one dies meanwhile.
 * Ends `late` at the deadline and when the caller has gone.
 */
export function awaitAnswer(waiting: Waiting, database: Database, clock: Clock): Promise<HookAnswer> {
  if (waiting.gone.aborted) return Promise.resolve({ kind: 'late' });
  return new Promise((resolve) => {
    const end = (answer: HookAnswer): void => {
      following.close();
      cancel();
      waiting.gone.removeEventListener('abort', leave);
      resolve(answer);
    };
    const leave = (): void => end({ kind: 'late' });
    const cancel = clock.later(waiting.deadlineMs, leave);
    waiting.gone.addEventListener('abort', leave);
    const following = database.follower.follow(waiting.runId, 0, (events) => {
      const answer = answerAmong(events, waiting);
      if (answer) end(answer);
    });
  });
}

/** The first answer among events of a run, written or about to be; null when there is none. */
export function answerAmong(events: readonly NewEvent[], asking: Asking): HookAnswer | null {
  for (const event of events) {
    const answer = answerIn(event, asking);
    if (answer) return answer;
  }
  return null;
}

function answerIn(event: NewEvent, { mode, graph }: Asking): HookAnswer | null {
  switch (event.kind) {
    case 'step.succeeded':
      return (mode === 'respond' || mode === 'stream') &&
        event.stepKey !== null &&
        graph.nodes.get(nodeOfStep(event.stepKey))?.node.type === 'respond'
        ? { kind: 'respond', output: event.data.output }
        : null;
    case 'run.succeeded':
      return { kind: 'succeeded', output: event.data.output };
    case 'run.failed':
      return { kind: 'failed', failure: event.data.failure };
    case 'run.cancelled':
      return { kind: 'cancelled' };
    default:
      return null;
  }
}

/** The JSON of a stored value. */
export async function loadValue(value: StoredValue | null, database: Database): Promise<Json> {
  if (value === null) return null;
  if ('inline' in value) return value.inline;
  const bytes = await database.journal.blob(value.blob.sha256);
  return bytes === null ? null : Json.parse(JSON.parse(bytes.toString('utf8')));
}

const Said = z.object({ status: z.number(), headers: z.record(z.string(), z.string()), body: Json });

/** An answer as HTTP has it. */
export type Said = z.infer<typeof Said>;

/** What an answer says over HTTP; null while there is none. A run that failed is 502 with its code. */
export async function saidBy(answer: HookAnswer, runId: string, database: Database): Promise<Said | null> {
  switch (answer.kind) {
    case 'late':
      return null;
    case 'respond':
      return Said.parse(await loadValue(answer.output, database));
    case 'succeeded':
      return { status: 200, headers: {}, body: await loadValue(answer.output, database) };
    case 'cancelled':
      return failed({ code: 'run_cancelled', message: 'The run was cancelled before it answered.', runId });
    case 'failed': {
      const { code, message, hint } = answer.failure;
      return failed({ code, message, runId, ...(hint ? { hint } : {}) });
    }
  }
}

const failed = (error: { readonly code: string; readonly message: string; readonly runId: string }): Said => ({
  status: 502,
  headers: {},
  body: { error },
});
