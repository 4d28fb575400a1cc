import type { JournalEvent } from '@switchyard/pipeline';
import type { RunRowState } from '../contract.ts';
import type { Database } from '../database-contract.ts';
import { sendSpans } from '../outbound/otlp.ts';
import { graphOf } from '../start-order.ts';
import { realSystem } from '../system.ts';
import { spansOf } from './spans.ts';

/*
 * The process that writes the end of a run sends its trace, read from the journal after the commit. Nothing waits for the
 * collector. A process that dies in between leaves a run without a trace, never one with two.
 */

/** Where traces go, and who says so. */
export type TraceOptions = {
  /** Base address of an OTLP/HTTP collector. */
  readonly endpoint: string;
  readonly service: string;
  readonly warn: (message: string) => void;
};

const TRIES = 3;
const AGAIN_MS = 1_000;
/** Runs that wait to be sent; beyond it traces are dropped, and the operator is told. */
const MOST_WAITING = 1_000;
const ENDS: ReadonlySet<RunRowState> = new Set<RunRowState>(['succeeded', 'failed', 'cancelled']);

/** The same database; runs that end through it are sent to the collector. */
export function traced(database: Database, options: TraceOptions): Database {
  const { journal, catalog, control } = database;
  const line = sendingLine((runId) => sendRun(database, options, runId), options.warn);
  const whenOver = (runId: string, state: RunRowState | undefined): void => {
    if (state !== undefined && ENDS.has(state)) line.add(runId);
  };
  return {
    ...database,
    journal: {
      ...journal,
      startRun: async (request) => {
        const answer = await journal.startRun(request);
        if (answer.outcome === 'started') whenOver(answer.runId, request.runState);
        return answer;
      },
      append: async (request) => {
        const answer = await journal.append(request);
        if (answer.outcome !== 'done') return answer;
        whenOver(request.runId, request.runState);
        if (request.child) whenOver(request.child.runId, request.child.runState);
        return answer;
      },
    },
    catalog: {
      ...catalog,
      schedules: {
        ...catalog.schedules,
        fire: async (firing) => {
          const answer = await catalog.schedules.fire(firing);
          if (answer.outcome === 'fired') whenOver(answer.runId, firing.start?.runState);
          return answer;
        },
      },
    },
    control: {
      ...control,
      cancel: async (request) => {
        const answer = await control.cancel(request);
        if (answer.outcome === 'cancelled') line.add(request.runId);
        return answer;
      },
    },
    close: async () => {
      await line.end();
      await database.close();
    },
  };
}

async function sendRun({ journal, catalog }: Database, options: TraceOptions, runId: string): Promise<void> {
  const events: JournalEvent[] = [];
  for (;;) {
    const more = await journal.events(runId, { after: events.at(-1)?.seq ?? 0 });
    if (more.length === 0) break;
    events.push(...more);
  }
  const [first] = events;
  const revision = first?.kind === 'run.started' ? await catalog.revisions.get(first.data.revision.id) : null;
  if (revision !== null) await sendSpans(options.endpoint, options.service, spansOf(events, graphOf(revision)));
}

/** One at a time, in order. `end` sends what waits, each once. */
function sendingLine(send: (runId: string) => Promise<void>, warn: (message: string) => void) {
  let waiting = 0;
  let ending = false;
  let tail: Promise<void> = Promise.resolve();
  const sent = async (runId: string): Promise<void> => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await send(runId);
      } catch (error) {
        const last = tries >= TRIES || ending;
        if (last) return warn(`trace of run ${runId}: ${error instanceof Error ? error.message : String(error)}`);
        await realSystem.sleep(AGAIN_MS * tries);
      }
    }
  };
  return {
    add: (runId: string): void => {
      if (waiting >= MOST_WAITING) return warn(`trace of run ${runId}: dropped, ${waiting} are waiting to be sent`);
      waiting += 1;
      tail = tail
        .then(() => sent(runId))
        .finally(() => {
          waiting -= 1;
        });
    },
    end: async (): Promise<void> => {
      ending = true;
      await Promise.race([tail, realSystem.sleep(AGAIN_MS)]);
    },
  };
}
