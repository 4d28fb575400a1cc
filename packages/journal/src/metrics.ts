import { type Graph, type NewEvent, nodeOfStep, nodeType } from '@switchyard/pipeline';
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import type { AppendRequest, ClaimAnswer, Journal, StartRunRequest, StepHint, WorkerSession } from './contract.ts';
import type { Database } from './database-contract.ts';
import { graphOf } from './start-order.ts';
import { realSystem } from './system.ts';

/*
 * What this process did, as Prometheus reads it. Counted is what the journal answered to calls of this process with `done`,
 * `started` or `claimed`: a call that was sent again and is answered `already` or `exists` counts no second time, so after a
 * cut connection a number can be too low and never too high. Labels are words of this code, never an id or a name.
 */

/** The numbers of one process. */
export type Metrics = {
  /** The same database; what goes through it is counted. */
  readonly watch: (database: Database) => Database;
  /** Counts the steps that these events, which stand in the journal now, have ended. */
  readonly steps: (graph: Graph, events: readonly NewEvent[]) => void;
  /** A webhook request was answered with this HTTP status. */
  readonly webhook: (status: number) => void;
  /** All of it in the text format of Prometheus. */
  readonly text: () => Promise<{ readonly contentType: string; readonly body: string }>;
};

const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30];

type Instruments = ReturnType<typeof instrumentsIn>;

function instrumentsIn(registry: Registry) {
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Counter({ name: `switchyard_${name}`, help, labelNames, registers: [registry] });
  return {
    started: counter('runs_started_total', 'Runs this process began, by trigger', ['trigger']),
    ended: counter('runs_ended_total', 'Runs whose last event this process wrote, by state', ['state']),
    steps: counter('steps_total', 'Steps that ended or will be tried again, by node type and outcome', [
      'type',
      'outcome',
    ]),
    calls: new Histogram({
      name: 'switchyard_journal_seconds',
      help: 'Calls of the journal by answer, with the time they took',
      labelNames: ['call', 'answer'] as const,
      buckets: BUCKETS,
      registers: [registry],
    }),
    sweeps: counter('sweeps_total', 'Sweeps for due steps nobody took, by answer', ['answer']),
    swept: counter('swept_steps_total', 'Due steps that sweeps found', []),
    takeOvers: counter('take_overs_total', 'Steps taken over from a worker that was lost', []),
    webhooks: counter('webhook_requests_total', 'Requests at webhook addresses, by HTTP status', ['status']),
    turns: counter('model_turns_total', 'Turns of models, by outcome', ['outcome']),
    tokens: counter('model_tokens_total', 'Tokens of model turns, by kind', ['kind']),
  };
}

/** Begins to count. Duty: hand `watch` the one database of this process, once. */
export function openMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const counters = instrumentsIn(registry);
  return {
    watch: (database) => watched(database, counters),
    steps: (graph, events) => countSteps(counters, graph, events),
    webhook: (status) => counters.webhooks.inc({ status }),
    text: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}

function watched(database: Database, counters: Instruments): Database {
  const { journal, catalog, control } = database;
  const began = async (start: Begun): Promise<void> => {
    countStart(counters, start);
    if (start.events.length === 0 || start.started.data.retryOf !== undefined) return; // those steps ended in another run
    const revision = await catalog.revisions.get(start.revisionId).catch(() => null);
    if (revision !== null) countSteps(counters, graphOf(revision), start.events);
  };
  return {
    ...database,
    journal: watchedJournal(journal, { counters, began }),
    catalog: {
      ...catalog,
      schedules: {
        ...catalog.schedules,
        fire: async (firing) => {
          const answer = await catalog.schedules.fire(firing);
          if (answer.outcome === 'fired' && firing.start !== null) void began(firing.start);
          return answer;
        },
      },
    },
    control: {
      ...control,
      cancel: async (request) => {
        const answer = await control.cancel(request);
        if (answer.outcome === 'cancelled') counters.ended.inc({ state: 'cancelled' });
        return answer;
      },
    },
    registerWorker: async (options) => watchedSession(await database.registerWorker(options), counters),
  };
}

type Begun = Pick<StartRunRequest, 'started' | 'events' | 'revisionId' | 'runState'>;
type Counting = { readonly counters: Instruments; readonly began: (start: Begun) => Promise<void> };

function watchedJournal(journal: Journal, { counters, began }: Counting): Journal {
  return {
    ...journal,
    startRun: async (request) => {
      const answer = await timed(counters, 'start', journal.startRun(request));
      if (answer.outcome === 'started') void began(request);
      return answer;
    },
    append: async (request) => {
      const answer = await timed(counters, 'append', journal.append(request));
      if (answer.outcome !== 'done') return answer;
      countAppend(counters, request);
      if (request.child !== undefined) void began(request.child);
      return answer;
    },
    claim: async (request) => {
      const answer = await timed(counters, 'claim', journal.claim(request));
      if (isTakeOver(request, answer)) counters.takeOvers.inc();
      return answer;
    },
  };
}

async function timed<Answer extends { readonly outcome: string }>(
  { calls }: Instruments,
  call: string,
  pending: Promise<Answer>,
): Promise<Answer> {
  const from = realSystem.elapsed();
  const took = (answer: string): void => calls.observe({ call, answer }, (realSystem.elapsed() - from) / 1_000);
  try {
    const answer = await pending;
    took(answer.outcome);
    return answer;
  } catch (error) {
    took('error');
    throw error;
  }
}

const isTakeOver = ({ stepKey }: StepHint, answer: ClaimAnswer): boolean =>
  answer.outcome === 'claimed' &&
  answer.missed.some(
    (event) =>
      event.kind === 'step.started' &&
      event.stepKey === stepKey &&
      event.epoch === answer.epoch &&
      event.data.after === 'worker_lost',
  );

const watchedSession = (session: WorkerSession, { sweeps, swept }: Instruments): WorkerSession => ({
  ...session,
  sweep: async () => {
    try {
      const found = await session.sweep();
      sweeps.inc({ answer: 'done' });
      swept.inc(found.length);
      return found;
    } catch (error) {
      sweeps.inc({ answer: 'error' });
      throw error;
    }
  },
});

const ENDS: ReadonlySet<string> = new Set(['succeeded', 'failed', 'cancelled']);

function countStart({ started, ended }: Instruments, start: Begun): void {
  started.inc({ trigger: start.started.data.trigger.kind });
  if (start.runState !== undefined && ENDS.has(start.runState)) ended.inc({ state: start.runState });
}

function countAppend({ ended, turns, tokens }: Instruments, { runState, events }: AppendRequest): void {
  if (runState !== undefined && ENDS.has(runState)) ended.inc({ state: runState });
  for (const { kind, data } of events) {
    if (kind !== 'turn.finished' && kind !== 'turn.incomplete') continue;
    turns.inc({ outcome: kind === 'turn.finished' ? 'finished' : 'incomplete' });
    const { prompt = 0, completion = 0, cached = 0 } = data.usage ?? {};
    tokens.inc({ kind: 'prompt' }, prompt);
    tokens.inc({ kind: 'completion' }, completion);
    tokens.inc({ kind: 'cached' }, cached);
  }
}

const OUTCOME = /^step\.(succeeded|failed|skipped|cancelled|retrying)$/;

function countSteps({ steps }: Instruments, graph: Graph, events: readonly NewEvent[]): void {
  for (const { kind, stepKey } of events) {
    const outcome = OUTCOME.exec(kind)?.[1];
    if (outcome === undefined || stepKey === null) continue;
    const id = graph.nodes.get(nodeOfStep(stepKey))?.node.type ?? '';
    steps.inc({ type: nodeType(id) === null ? 'unknown' : id, outcome }); // a document may name any type
  }
}
