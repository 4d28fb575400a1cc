import type { JournalEvent } from '@switchyard/pipeline';
import type { Response } from 'express';
import type { Services } from '../services.ts';
import { type Asking, answerAmong, saidBy } from './answer.ts';

/*
 * A run as server-sent events, for callers outside: which step stands where, what agents say, and the answer. Inputs, outputs
 * of steps and thoughts stay inside. `id:` is the journal's number. The stream has no deadline: it ends with the answer, or with
 * `late` and the status URL when this server stops.
 *
 *   event: run      {"runId", "status"}
 *   event: step     {"step", "state": "started" | "waiting" | "succeeded" | "failed" | "skipped" | "cancelled"}
 *   event: text     {"step", "turn", "text"}        what an agent said in a turn
 *   event: answer   {"status", "headers", "body"}   as another mode would have sent it
 */

const HEARTBEAT_MS = 15_000;
const SHOWN = /^step\.(started|waiting|succeeded|failed|skipped|cancelled)$/;

/** Streams until the answer stands, the caller leaves or the server stops. */
export function streamAnswer(
  { runId, status, ...asking }: Asking & { readonly runId: string; readonly status: string },
  response: Response,
  { database, clock, stopping, warn }: Services,
): void {
  response.writeHead(200, {
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-store',
    'X-Accel-Buffering': 'no',
  });
  const frame = (seq: number, event: string, data: unknown): void =>
    void response.write(`id: ${seq}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  const close = (): void => {
    following.close();
    beat();
    stopping.removeEventListener('abort', late);
    response.end();
  };
  const late = (): void => {
    frame(0, 'late', { runId, status });
    close();
  };
  frame(0, 'run', { runId, status });
  const beat = clock.every(HEARTBEAT_MS, () => void response.write(': still here\n\n'));
  const following = database.follower.follow(runId, 0, (events) => {
    for (const event of events) {
      const shown = shownOf(event);
      if (shown) frame(event.seq, shown.event, shown.data);
    }
    const answer = answerAmong(events, asking);
    if (answer === null) return;
    following.close();
    saidBy(answer, runId, database)
      .then((said) => frame(events.at(-1)?.seq ?? 0, 'answer', said))
      .catch((error: unknown) => warn(`stream of ${runId}: ${error instanceof Error ? error.message : String(error)}`))
      .finally(close);
  });
  stopping.addEventListener('abort', late, { once: true });
  response.on('close', close);
}

function shownOf(event: JournalEvent): { readonly event: string; readonly data: unknown } | null {
  if (event.kind === 'turn.finished' && event.data.text !== '')
    return { event: 'text', data: { step: event.stepKey, turn: event.data.turn, text: event.data.text } };
  const state = SHOWN.exec(event.kind)?.[1];
  return state === undefined ? null : { event: 'step', data: { step: event.stepKey, state } };
}
