import { DUE_CHANNEL, RUN_CHANNEL } from '../../packages/journal/src/bell.ts';
import { append } from './memory-journal-append.ts';
import { claim, requestCancel, requestPause, wake } from './memory-journal-claim.ts';
import { isOver, type RunTable, structuralAfter, type Tables } from './memory-journal-rows.ts';
import { startRun } from './memory-journal-start.ts';
import { attachWorker, pulse, registerWorker, releaseSteps, retireWorker, sweep } from './memory-journal-workers.ts';
import { type Blobs, ServerError } from './memory-journal-write.ts';

/*
 * The statements of the product's client on tables in memory: the client's named statements and their values, as node-postgres
 * would send them, one transaction each. What is not known here is an error, so a new statement cannot pass unseen.
 */

/** A statement as the client sends it. */
export type Query = { readonly name: string; readonly values: readonly unknown[] };
/** What a connection knows of itself: the worker whose lock it holds. */
export type Session = { worker: number | null; closed: boolean };
type Rows = readonly object[];

/** Values of a statement, taken in order, each with the type that the statement gives it. */
class Values {
  readonly #values: readonly unknown[];
  #at = 0;

  constructor(values: readonly unknown[]) {
    this.#values = values;
  }

  /** The next value. The statement's text says what it is; Postgres would refuse another. */
  next<T>(): T {
    return this.#values[this.#at++] as T;
  }

  blobs(): Blobs {
    return { sha: this.next(), media: this.next(), bytes: this.next() };
  }
}

type Handler = (tables: Tables, values: Values, session: Session) => Rows;

const wholeEvents = (run: RunTable | undefined, after: number) => (run?.events ?? []).slice(Math.max(0, after));

const HANDLERS: Readonly<Record<string, Handler>> = {
  start_run: (tables, v) => {
    const [run, project, pipeline, revision] = [v.next<string>(), v.next<string>(), v.next<string>(), v.next<string>()];
    const [published, dedup] = [v.next<boolean>(), v.next<string | null>()];
    v.next<string>(); // trigger_node: shown in lists only
    const call = { run, project, pipeline, revision, published, dedup, trigger: v.next<string>() };
    const columns = { kinds: v.next<string[]>(), keys: v.next<(string | null)[]>(), data: v.next<string[]>() };
    const rest = { open: v.next<string[]>(), runState: v.next<null>(), blobs: v.blobs() };
    const limits = { queueMax: v.next<number | null>(), priority: v.next<number>(), weight: v.next<number>() };
    const more = v.next<string | null>();
    return [
      startRun(tables, { ...call, ...columns, ...rest, ...limits, more: more === null ? null : JSON.parse(more) }),
    ];
  },
  append: (tables, v) => {
    const speaker = {
      run: v.next<string>(),
      worker: v.next<number | null>(),
      step: v.next<string | null>(),
      epoch: v.next<number | null>(),
      n: v.next<number | null>(),
      version: v.next<number | null>(),
      seen: v.next<number>(),
      intent: v.next<boolean>(),
    };
    const columns = { kinds: v.next<string[]>(), keys: v.next<(string | null)[]>(), data: v.next<string[]>() };
    const own = { state: v.next<null>(), dueMs: v.next<number | null>() };
    const opened = { open: v.next<string[]>(), mine: v.next<boolean[]>(), limits: v.next<(string | null)[]>() };
    const touched = { touch: v.next<string[]>(), touchEpoch: v.next<number[]>(), touchTo: v.next<'due'[]>() };
    const rest = { runState: v.next<null>(), blobs: v.blobs(), close: v.next<string[]>() };
    const child = v.next<string | null>();
    return [
      append(tables, {
        ...{ ...speaker, ...columns, ...own, ...opened, ...touched, ...rest },
        child: child === null ? null : JSON.parse(child),
      }),
    ];
  },
  claim: (tables, v) => [
    claim(tables, { run: v.next(), step: v.next(), epoch: v.next(), worker: v.next(), seen: v.next() }),
  ],
  events: (tables, v) => {
    const run = tables.run(v.next<string>());
    const [after, stepKey, structural, limit] = [
      v.next<number>(),
      v.next<string | null>(),
      v.next<boolean>(),
      v.next<number>(),
    ];
    const rows = run === undefined ? [] : structural ? structuralAfter(run, after) : wholeEvents(run, after);
    return (stepKey === null ? rows : rows.filter((row) => row.stepKey === stepKey)).slice(0, limit);
  },
  blob: (tables, v) => {
    const bytes = tables.blobs.get(v.next<Buffer>().toString('hex'));
    return bytes === undefined ? [] : [{ bytes }];
  },
  follow: (tables, v) => {
    const run = tables.run(v.next<string>());
    return wholeEvents(run, v.next<number>()).slice(0, 500);
  },
  seqs: (tables, v) => v.next<string[]>().flatMap((id) => seqOf(tables, id)),
  recent: (tables, v) => {
    const fresh = [...tables.runs.values()].filter(({ row }) => !isOver(row.state)).map(({ row }) => row.id);
    const old = v.next<string[]>().filter((id) => !fresh.includes(id));
    return [
      ...fresh.flatMap((id) => seqOf(tables, id)).map((row) => ({ ...row, fresh: true })),
      ...old.flatMap((id) => seqOf(tables, id)).map((row) => ({ ...row, fresh: false })),
    ];
  },
  request_cancel: (tables, v) => [requestCancel(tables, { run: v.next(), by: v.next(), reason: v.next() })],
  request_pause: (tables, v) => [requestPause(tables, { run: v.next(), by: v.next() })],
  wake: (tables, v) => {
    const hint = { run: v.next<string>(), step: v.next<string>(), epoch: v.next<number>() };
    return [wake(tables, { ...hint, kinds: v.next(), data: v.next(), blobs: v.blobs() })];
  },
  descendants: (tables, v) => descendants(tables, v.next()),
  run_living: (tables, v) => {
    const row = tables.run(v.next<string>())?.row;
    return row === undefined || row.endedAt !== null ? [] : [{ id: row.id }];
  },
  run_rows: (tables, v) => rowsOfRun(tables, v.next()),
  alarms: (tables, v) =>
    [...tables.alarms]
      .sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1))
      .slice(0, v.next<number>())
      .map(([runId, at]) => ({ runId, projectId: tables.run(runId)?.row.projectId, at: new Date(at) })),
  close_alarm: (tables, v) => {
    tables.alarms.delete(v.next());
    return [];
  },
  hello: () => [],
  register_worker: (tables, v, session) => {
    session.worker = registerWorker(tables, v.next(), true);
    return [{ id: session.worker }];
  },
  attach_worker: (tables, v, session) => {
    const id = v.next<number>();
    session.worker = id;
    return [{ alive: attachWorker(tables, id, v.next()) }];
  },
  holds_lock: (_tables, _v, session) => [{ pid: 1, held: session.worker !== null }],
  pulse: (tables, v) => pulse(tables, v.next()),
  sweep: (tables, v) => sweep(tables, v.next()),
  release_steps: (tables, v) => releaseSteps(tables, v.next(), { run: v.next(), step: v.next(), epoch: v.next() }),
  retire_worker: (tables, v) => {
    retireWorker(tables, v.next());
    return [];
  },
  [`listen ${RUN_CHANNEL}`]: () => [],
  [`listen ${DUE_CHANNEL}`]: () => [],
  select: () => [],
};

const seqOf = (tables: Tables, id: string) => {
  const row = tables.run(id)?.row;
  return row === undefined ? [] : [{ id, seq: row.seq }];
};

function descendants(tables: Tables, root: string): Rows {
  const found: { id: string; depth: number }[] = [];
  const below = (parent: string, depth: number): void => {
    for (const { row } of tables.runs.values()) {
      if (row.parentRun !== parent) continue;
      found.push({ id: row.id, depth });
      below(row.id, depth + 1);
    }
  };
  below(root, 1);
  found.sort((a, b) => a.depth - b.depth || (a.id < b.id ? -1 : 1));
  return found.flatMap(({ id }) => {
    const row = tables.run(id)?.row;
    if (row === undefined || row.endedAt !== null) return [];
    return [{ id, cancelled: row.cancelAt !== null, paused: row.pausedAt !== null }];
  });
}

function rowsOfRun(tables: Tables, id: string): Rows {
  const run = tables.run(id);
  if (run === undefined) return [];
  const { row } = run;
  const steps = [...run.steps.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  return [
    {
      runId: id,
      pipelineId: row.pipelineId,
      revisionId: row.revisionId,
      state: row.state,
      seq: row.seq,
      version: row.version,
      cancelRequested: row.cancelAt !== null,
      paused: row.pausedAt !== null,
      steps: steps.map(({ key, epoch, state, owner }) => ({ stepKey: key, epoch, state, held: owner !== null })),
    },
  ];
}

/** Runs one statement: all or nothing. Throws what Postgres would answer. */
export function execute(tables: Tables, query: Query, session: Session): Rows {
  const handler = HANDLERS[query.name];
  if (handler === undefined) throw new ServerError('42883', `the memory journal has no statement ${query.name}`);
  return handler(tables, new Values(query.values), session);
}

/** The session's connection is gone: its lock is free. */
export function disconnect(tables: Tables, session: Session): void {
  session.closed = true;
  const worker = session.worker === null ? undefined : tables.workers.get(session.worker);
  if (worker !== undefined) tables.workers.set(worker.id, { ...worker, locked: false });
}
