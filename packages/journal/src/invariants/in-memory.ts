import { emptyRun, foldRun, type JournalEvent, nodeOfStep, type RunState } from '@switchyard/pipeline';
import { byStep, type Check, ENDING, type RunHistory, SETTLING, type Violation } from './history.ts';
import { checkFanIn, checkTurns } from './in-memory-graph.ts';
import type { InvariantId } from './promises.ts';

/* The invariants as functions of one run's history. Each says what is wrong; an empty list is a sound run. */

/** I1: epochs never fall, each begins once, and what a step writes comes after the start of its epoch. */
const oneDriver: Check = ({ events }) =>
  [...byStep(events)].flatMap(([key, own]) => {
    const fenced = own.flatMap((event) =>
      event.epoch === null ? [] : [{ ...event, epoch: event.epoch, n: event.n ?? 0 }],
    );
    return fenced.flatMap((event, i) => {
      const wrong = epochIsWrong(event, fenced[i - 1] ?? { epoch: 0, n: 0 });
      return wrong === null ? [] : [`${key}: ${event.kind} at ${event.seq} of epoch ${event.epoch}, ${wrong}`];
    });
  });

type Fenced = { readonly epoch: number; readonly n: number };

function epochIsWrong(event: Fenced & { readonly kind: string }, before: Fenced): string | null {
  const begins = event.kind === 'step.started';
  if (event.epoch < before.epoch) return `after epoch ${before.epoch}`;
  if (event.epoch > before.epoch) return begins ? null : 'which never began';
  if (begins) return 'which had begun';
  return event.n < before.n ? `append ${event.n} after ${before.n}` : null;
}

/** I2 */
const dense: Check = ({ run, events }) => {
  const hole = events.findIndex((event, i) => event.seq !== i + 1);
  const back = events.findIndex((event, i) => i > 0 && event.at < (events[i - 1]?.at ?? ''));
  return [
    ...(hole < 0 ? [] : [`event ${hole + 1} has number ${events[hole]?.seq}`]),
    ...(back < 0 ? [] : [`time goes back at ${back + 1}`]),
    ...(run.seq === events.length ? [] : [`the run knows ${run.seq} as its last, there are ${events.length}`]),
  ];
};

/** Where the history is cut: folding on from there must give the same state. */
const CUT = 0.6;

/** I3: folded at once or in parts, and the rows agree. */
const foldAgrees: Check = (history) => {
  const { events } = history;
  let state: RunState;
  try {
    state = foldRun(emptyRun(), events);
  } catch (error) {
    return [`it cannot be folded: ${error instanceof Error ? error.message : String(error)}`];
  }
  return [...cutIsWrong(history, state), ...rowsAgree(history, state)];
};

function cutIsWrong({ events, cutAt = CUT }: RunHistory, whole: RunState): string[] {
  if (cutAt === null) return [];
  const at = Math.floor(events.length * cutAt);
  const parts = foldRun(foldRun(emptyRun(), events.slice(0, at)), events.slice(at));
  return JSON.stringify(plain(parts)) === JSON.stringify(plain(whole))
    ? []
    : [`folded in two parts at ${at} it is another state`];
}

/** The parts of a state that two folds must share. */
const plain = (state: RunState) => [
  ...[state.seq, state.state, state.live, state.settled, state.waiting, state.output, state.failure],
  [...state.steps.values()].map((step) => [
    step.key,
    step.state,
    step.attempt,
    step.crashes,
    step.epoch,
    step.settledSeq,
  ]),
];

const ENDED: ReadonlySet<string> = new Set(['succeeded', 'failed', 'skipped', 'cancelled']);

function rowsAgree({ run, steps }: RunHistory, state: RunState): string[] {
  const wrong: string[] = [];
  if (ENDED.has(run.state) ? state.state !== run.state : ENDED.has(state.state))
    wrong.push(`the run's row says ${run.state}, its events ${state.state}`);
  for (const row of steps) {
    const folded = state.steps.get(row.key);
    if (folded === undefined) continue; // not begun, or of an iteration that was left behind
    if (ENDED.has(row.state) ? folded.state !== row.state : ENDED.has(folded.state))
      wrong.push(`${row.key}: the row says ${row.state}, the events ${folded.state}`);
    else if (!ENDED.has(row.state) && folded.attempt > row.attempt)
      wrong.push(`${row.key}: the row says attempt ${row.attempt}, the events ${folded.attempt}`);
  }
  return wrong;
}

type Call = { readonly step: string; readonly call: string };
const callOf = (event: JournalEvent): Call | null => {
  if (event.kind === 'tool.started') return { step: event.stepKey ?? '', call: event.data.call.id };
  return event.kind === 'tool.finished' ? { step: event.stepKey ?? '', call: event.data.call } : null;
};

/** I4, as far as the journal shows it: one intent and one result a call, in this order. */
const callsOnce: Check = ({ events }) => {
  const wrong: string[] = [];
  const seen = new Map<string, 'intent' | 'result'>();
  for (const event of events) {
    const call = callOf(event);
    if (call === null) continue;
    const name = `${call.step}/${call.call}`;
    const before = seen.get(name);
    if (event.kind === 'tool.started' && before !== undefined) wrong.push(`${name}: a second intent at ${event.seq}`);
    if (event.kind === 'tool.finished' && before === 'result') wrong.push(`${name}: a second result at ${event.seq}`);
    seen.set(name, event.kind === 'tool.started' ? 'intent' : 'result');
  }
  return wrong;
};

/** I5 */
const endsOnce: Check = ({ run, events }) => {
  const end = events.findIndex((event) => ENDING.has(event.kind));
  const over = ENDED.has(run.state);
  if (end < 0) return over ? ['it has ended and no event says so'] : [];
  const after = events.slice(end + 1).find((event) => event.kind !== 'note');
  return [
    ...(over ? [] : [`it goes on after ${events[end]?.kind}`]),
    ...(after === undefined ? [] : [`${after.kind} at ${after.seq} after the end at ${end + 1}`]),
  ];
};

/** I6: nothing that lives is forgotten. */
const neverHangs: Check = ({ run, steps }) => {
  const live = steps.filter((step) => !ENDED.has(step.state));
  if (ENDED.has(run.state)) return live.map((step) => `${step.key} lives in a run that has ended`);
  if (live.length === 0) return ['it lives and none of its steps does'];
  return live
    .filter((step) => !step.held && !step.due && !step.parked && step.state !== 'waiting')
    .map((step) => `${step.key} is ${step.state} and nobody will look at it`);
};

/** I9: no more answers than questions, and none before one. */
const answersOnce: Check = ({ events }) =>
  [...byStep(events)].flatMap(([key, own]) => {
    let asked = 0;
    return own.flatMap((event) => {
      if (event.kind === 'step.waiting' && event.data.reason === 'approval') asked += 1;
      if (event.kind !== 'approval.decided') return [];
      asked -= 1;
      return asked < 0 ? [`${key}: an answer at ${event.seq} that nobody waits for`] : [];
    });
  });

/** I11 */
const oneRevision: Check = ({ run, events }) => {
  const starts = events.filter((event) => event.kind === 'run.started');
  const [first] = starts;
  if (starts.length !== 1 || first?.seq !== 1)
    return [`${starts.length} starts, the first at ${first?.seq ?? 'no number'}`];
  return first.data.revision.id === run.revisionId ? [] : ['its start names another revision than its row'];
};

/** I13: a turn ends once: recorded, or given up and taken again under the next number. */
const turnsOnce: Check = ({ events }) =>
  [...byStep(events)].flatMap(([key, own]) => {
    const finished = new Set<number>();
    return own.flatMap((event) => {
      if (event.kind !== 'turn.finished') return [];
      const { turn } = event.data;
      const again = finished.has(turn);
      finished.add(turn);
      return again ? [`${key}: turn ${turn} is recorded again at ${event.seq}`] : [];
    });
  });

/** I14, without the graph: nothing of a step after its end. */
const endsStepsOnce: Check = ({ events }) =>
  [...byStep(events)].flatMap(([key, own]) => {
    const end = own.findIndex((event) => SETTLING.has(event.kind));
    const late = end < 0 ? undefined : own.slice(end + 1).find((event) => event.kind.startsWith('step.'));
    return late === undefined ? [] : [`${key}: ${late.kind} at ${late.seq} after its end`];
  });

/** I15 */
const stopsAfterCancel: Check = ({ events }) => {
  const cancel = events.find((event) => event.kind === 'run.cancel_requested');
  if (cancel === undefined) return [];
  return events
    .filter((event) => event.kind === 'tool.started' && event.seq > cancel.seq)
    .map((event) => `an intent at ${event.seq} after the cancel at ${cancel.seq}`);
};

/** I16 */
const countsAttempts: Check = ({ events, document }) => {
  const allowed = new Map(document?.nodes.map((node) => [node.id, node.retry?.attempts ?? 1]));
  return [...byStep(events)].flatMap(([key, own]) => {
    const most = document === null ? Number.POSITIVE_INFINITY : (allowed.get(nodeOfStep(key)) ?? 1);
    return attemptsOf(own, most).map((wrong) => `${key}: ${wrong}`);
  });
};

type Counted = { attempt: number; crashes: number };

function attemptsOf(own: readonly JournalEvent[], most: number): string[] {
  const counted: Counted = { attempt: 1, crashes: 0 };
  return own.flatMap((event) => {
    if (event.kind === 'step.retrying') return retryIsWrong(event.data.attempt, ++counted.attempt, most);
    return event.kind === 'step.started' ? beginIsWrong(event.data, counted) : [];
  });
}

function retryIsWrong(said: number, attempt: number, most: number): string[] {
  return [
    ...(said === attempt ? [] : [`retry ${said}, it is attempt ${attempt}`]),
    ...(attempt > most ? [`attempt ${attempt}, the policy allows ${most}`] : []),
  ];
}

function beginIsWrong(begun: Extract<JournalEvent, { kind: 'step.started' }>['data'], counted: Counted): string[] {
  const before = counted.crashes;
  counted.crashes = begun.crashes;
  const crashed = begun.after === 'worker_lost';
  const plausible = crashed ? begun.crashes > before : begun.crashes === before;
  return [
    ...(begun.attempt === counted.attempt ? [] : [`attempt ${begun.attempt} begins, it is the ${counted.attempt}th`]),
    ...(plausible ? [] : [`${begun.crashes} crashes after ${before}, begun after ${begun.after ?? 'nothing'}`]),
  ];
}

/** Each invariant that one history shows. */
const CHECKS: readonly (readonly [InvariantId, Check])[] = [
  ['I1', oneDriver],
  ['I2', dense],
  ['I3', foldAgrees],
  ['I4', callsOnce],
  ['I5', endsOnce],
  ['I6', neverHangs],
  ['I9', answersOnce],
  ['I10', checkTurns],
  ['I11', oneRevision],
  ['I13', turnsOnce],
  ['I14', endsStepsOnce],
  ['I14', checkFanIn],
  ['I15', stopsAfterCancel],
  ['I16', countsAttempts],
];

/** Checks one run; all that is wrong with it. */
export const checkHistory = (history: RunHistory): readonly Violation[] =>
  CHECKS.flatMap(([id, check]) => check(history).map((what) => ({ id, runId: history.run.id, what })));
