import type { InvariantId } from '@switchyard/journal';
import type { Patch } from './bundle.ts';

/** A planted defect. `breaks`: invariants of which one must be seen broken. */
export type Mutant = {
  readonly name: string;
  readonly patches: readonly Patch[];
  readonly breaks: readonly InvariantId[];
  /** Worlds it may survive, where the moment is rare. */
  readonly worlds?: number;
  /** Share of the runs that are cancelled; as usual when absent. */
  readonly cancels?: number;
};

type Change = readonly [find: string, replace: string];

const mutant = (name: string, file: string, changes: readonly Change[], breaks: readonly InvariantId[]): Mutant => ({
  name,
  patches: changes.map(([find, replace]) => ({ file, find, replace })),
  breaks,
});

const APPEND = 'test/sim/memory-journal-append.ts';
const CLAIM = 'test/sim/memory-journal-claim.ts';
const LIMITS = 'test/sim/memory-journal-limits.ts';
const START = 'test/sim/memory-journal-start.ts';
const WORKERS = 'test/sim/memory-journal-workers.ts';

/*
 * Defects of the journal's functions are planted in the journal in memory, which the contract suite holds to be the SQL's equal;
 * all others in the product's own sources. A mutant that is not seen means that the simulator is blind there.
 */

const IN_THE_JOURNAL: readonly Mutant[] = [
  mutant(
    'no epoch check in the fence',
    APPEND,
    [
      ['if (step === undefined || step.epoch !== call.epoch) return false;', 'if (step === undefined) return false;'],
      ['step.owner === call.worker && step.n === call.n;', 'step.n === call.n;'],
    ],
    ['I1', 'I2', 'I3', 'I4', 'I6', 'I14'],
  ),
  mutant(
    'no append number in the fence',
    APPEND,
    [['step.owner === call.worker && step.n === call.n;', 'step.owner === call.worker;']],
    ['I1', 'I4', 'I13', 'I14', 'I16'],
  ),
  mutant(
    'the version of a decision is not checked',
    APPEND,
    [["if (call.version !== null && call.version !== row.version) return 'behind';", '']],
    ['I0', 'I3', 'I5', 'I6', 'I14'],
  ),
  mutant(
    'a number is used twice',
    APPEND,
    [['    seq,\n    version: run.row', '    seq: seq - 1,\n    version: run.row']],
    ['I2'],
  ),
  mutant(
    'opened steps are made due outside the transaction',
    APPEND,
    [["dueAt: !mine && row.state === 'running' ? tables.now() : null,", 'dueAt: null,']],
    ['I6'],
  ),
  mutant(
    'a timer is lost',
    APPEND,
    [['dueAt: due ? tables.now() + (call.dueMs ?? 0) : null,', 'dueAt: null,']],
    ['I6'],
  ),
  {
    ...mutant(
      'intents go on after a cancel',
      APPEND,
      [
        ["if (call.intent && row.cancelAt !== null) return 'stopped';", ''],
        ['return mine && !(call.intent && step.stopAt !== null);', 'return mine;'],
      ],
      ['I15'],
    ),
    worlds: 60,
    cancels: 0.9,
  },
  mutant(
    'a retry is not counted',
    APPEND,
    [["attempt: step.attempt + (call.kinds.includes('step.retrying') ? 1 : 0),", 'attempt: step.attempt,']],
    ['I16', 'I3'],
  ),
  mutant(
    'a crash is counted as an attempt',
    WORKERS,
    [['crashes: step.crashes + 1,', 'attempt: step.attempt + 1,']],
    ['I16'],
  ),
  mutant(
    'a dead worker’s steps are freed but not made due',
    WORKERS,
    [['      dueAt: now,\n      rungAt: now,', '      dueAt: null,\n      rungAt: now,']],
    ['I6'],
  ),
  mutant(
    'nobody is ever declared dead',
    WORKERS,
    [['if (id !== asker) bury(tables, id);', 'if (id === asker) bury(tables, id);']],
    ['I6'],
  ),
  mutant(
    'a claim takes what another holds',
    CLAIM,
    [
      [
        'step?.epoch === call.epoch && step.owner === null && step.dueAt !== null && step.dueAt <= tables.now();',
        'step !== undefined && step.epoch <= call.epoch + 1;',
      ],
      ['    epoch: call.epoch + 1,\n    n: 0,', '    epoch: step.epoch + 1,\n    n: 0,'],
    ],
    ['I1', 'I3', 'I4', 'I5', 'I14', 'I16'],
  ),
  mutant(
    'a claim does not raise the epoch',
    CLAIM,
    [['    epoch: call.epoch + 1,\n    n: 0,', '    epoch: call.epoch,\n    n: 0,']],
    ['I1', 'I6'],
  ),
  mutant(
    'an answer is used more than once',
    CLAIM,
    [
      ['  step.parkedAt === null &&\n  (step.dueAt === null || step.dueAt > tables.now());', '  true;'],
      ['rungAt: null, parkedAt: null, epoch: step.epoch + 1 });', 'rungAt: null, parkedAt: null });'],
    ],
    ['I9'],
  ),
  mutant(
    'a child does not wake its parent',
    LIMITS,
    [
      [
        "step.state !== 'waiting' || step.dueAt !== null) return [];",
        "step.state !== 'waiting' || step.dueAt !== null || step.attempt > 0) return [];",
      ],
    ],
    ['I6'],
  ),
  mutant(
    'the slot of a limiter leaks',
    LIMITS,
    [['if (step.limitKey === key && step.owner !== null) held += 1;', 'if (step.limitKey === key) held += 1;']],
    ['I6'],
  ),
  mutant(
    'the same start makes a run anew',
    START,
    [
      [
        'const existing = existingOf(tables, call);',
        'const existing = call.run === "" ? existingOf(tables, call) : undefined;',
      ],
    ],
    ['I0', 'I2', 'I3', 'I4', 'I5', 'I6'],
  ),
];

const IN_THE_PRODUCT: readonly Mutant[] = [
  mutant(
    'a start is acknowledged before it is committed',
    'packages/journal/src/journal.ts',
    [
      [
        'const row = only(await sender.send<StartRow>(START, values));',
        "const row: StartRow = runId.endsWith('1')\n    ? { outcome: 'started', run_id: runId, run_seq: 1, hints: null }\n    : only(await sender.send<StartRow>(START, values));",
      ],
    ],
    ['I7'],
  ),
  mutant(
    'an effect before its intent is written',
    'packages/agent/src/session.ts',
    [['await ports.journal.append(events, { intent }).catch(', 'void ports.journal.append(events, { intent }).catch(']],
    ['I4'],
  ),
  mutant(
    'a call with a result is made again',
    'packages/agent/src/calls.ts',
    [['const open = turn.calls.filter((record) => record.result === null);', 'const open = [...turn.calls];']],
    ['I4'],
  ),
  mutant(
    'a turn is recorded twice',
    'packages/agent/src/loop.ts',
    [
      [
        'await session.write(() => [finished, ...follow], { intent: intents > 0 });',
        'await session.write(() => [finished, finished, ...follow], { intent: intents > 0 });',
      ],
    ],
    ['I13'],
  ),
  mutant(
    'a request that may have arrived is sent again',
    'packages/runtime/src/nodes/once.ts',
    [['.length > 1;', '.length > 1_000;']],
    ['I4'],
  ),
  mutant(
    '`behind` is taken for `done`',
    'packages/runtime/src/settle-step.ts',
    [
      [
        "if (answer.outcome === 'done' || answer.outcome === 'already') return written;",
        "if (answer.outcome !== 'lost') return written;",
      ],
    ],
    ['I4', 'I6', 'I3', 'I14'],
  ),
  mutant(
    'the end of a run is written twice',
    'packages/runtime/src/append-draft.ts',
    [
      [
        'this.#add([await this.#endEvent(end)]);',
        'const twice = await this.#endEvent(end);\n    this.#add([twice, twice]);',
      ],
    ],
    ['I5'],
  ),
  mutant(
    'a join begins before all have arrived',
    'packages/pipeline/src/frontier.ts',
    [["    if (reach === 'pending') {", "    if (reach === 'pending' && !arrived) {"]],
    ['I14', 'I0', 'I3', 'I6'],
  ),
  mutant(
    'the last item of a loop is lost',
    'packages/pipeline/src/plan.ts',
    [['const room = Math.min(loop.count - loop.begun,', 'const room = Math.min(loop.count - 1 - loop.begun,']],
    ['I6'],
  ),
];

/** All planted defects. */
export const MUTANTS: readonly Mutant[] = [...IN_THE_JOURNAL, ...IN_THE_PRODUCT];
