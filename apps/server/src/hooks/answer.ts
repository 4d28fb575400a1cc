import type { Database } from '@switchyard/journal';
import { type Graph, type JournalEvent, Json, nodeOfStep, type StoredValue } from '@switchyard/pipeline';
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

/** What to wait for. `mode` is the webhook's. */
export type Waiting = {
  readonly runId: string;
  readonly graph: Graph;
  readonly mode: 'last_step' | 'respond';
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
      resolve(answer);
    };
    const cancel = clock.later(waiting.deadlineMs, () => end({ kind: 'late' }));
    waiting.gone.addEventListener('abort', () => end({ kind: 'late' }), { once: true });
    const following = database.follower.follow(waiting.runId, 0, (events) => {
      for (const event of events) {
        const answer = answerIn(event, waiting);
        if (answer) return end(answer);
      }
    });
  });
}

function answerIn(event: JournalEvent, { mode, graph }: Waiting): HookAnswer | null {
  switch (event.kind) {
    case 'step.succeeded':
      return mode === 'respond' &&
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
