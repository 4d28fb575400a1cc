/** Names of the invariants, as the guides and the test programme use them. */
export type InvariantId = `I${number}`;

/**
 * What holds in every journal, whatever happened to processes, machines and networks. `proof`: what shows it where rows alone
 * cannot. `remedy`: what an operator does when the doctor finds it broken.
 */
export type Promised = {
  readonly id: InvariantId;
  readonly promise: string;
  readonly proof?: string;
  readonly remedy?: string;
};

const REPORT = 'Export the run (switchyard, or GET /api/runs/ID/events) and report it; do not edit rows.';
const FREE =
  'Start a worker: its sweep frees what dead workers hold and rings for what is due. If the run stays, cancel it.';

/** All of them, in order. */
export const INVARIANTS: readonly Promised[] = [
  { id: 'I1', promise: 'a step has one driver: its epochs never fall, and each begins once', remedy: REPORT },
  { id: 'I2', promise: 'events of a run are numbered densely from 1, and the run knows the last', remedy: REPORT },
  { id: 'I3', promise: 'the state is a function of the events, and the rows say the same', remedy: REPORT },
  {
    id: 'I4',
    promise: 'a call with a recorded result is never made again; each call had its intent first',
    remedy: REPORT,
  },
  { id: 'I5', promise: 'a run ends once, and nothing but notes comes after', remedy: REPORT },
  { id: 'I6', promise: 'a run that lives has a lease, a due time, a place in a line or a named wait', remedy: FREE },
  {
    id: 'I7',
    promise: 'no acknowledged start is lost, and each delivery makes one run',
    remedy: 'Compare the sender’s log with the runs of that webhook and send again what is missing.',
  },
  { id: 'I8', promise: 'a schedule fires once for each of its times', remedy: 'Cancel the second run of that time.' },
  { id: 'I9', promise: 'an answer of a person is used once', remedy: REPORT },
  {
    id: 'I10',
    promise: 'no budget is passed by more than one turn',
    proof: 'test/sim (turns of each agent step)',
    remedy: REPORT,
  },
  { id: 'I11', promise: 'a run has one revision', remedy: REPORT },
  {
    id: 'I12',
    promise: 'no secret stands in journal, log or answer',
    proof: 'apps/server and packages/journal: tests of credentials',
  },
  { id: 'I13', promise: 'a turn of a model is recorded once', remedy: REPORT },
  { id: 'I14', promise: 'a step ends once, and one with several edges begins after all of them', remedy: REPORT },
  { id: 'I15', promise: 'after a cancel no intent of a call is recorded', remedy: REPORT },
  { id: 'I16', promise: 'attempts rise by one and never pass the policy; a crash is no attempt', remedy: REPORT },
  {
    id: 'I17',
    promise: 'losing the whole queue loses nothing',
    proof: 'test/sim (lost jobs), packages/runtime/src/queue-away.test.ts',
  },
  {
    id: 'I18',
    promise: 'nothing points to a row that was removed',
    remedy: 'Restore the missing rows from a backup, or remove the run that points to them.',
  },
  { id: 'I19', promise: 'no decision compares clocks of two machines', proof: 'test/sim (workers ten minutes off)' },
  {
    id: 'I20',
    promise: 'a stream has no gap and no double',
    proof: 'packages/journal/src/follower.test.ts, apps/server: tests of the live stream',
  },
  { id: 'I21', promise: 'rows of a run are of its project', remedy: REPORT },
  { id: 'I22', promise: 'a request that ends frees its slot in the engine', proof: 'engine/host: tests of cancelling' },
  {
    id: 'I23',
    promise: 'a worker that does not know an event leaves its run to a newer one',
    proof: 'packages/pipeline/src/fold.test.ts (needs_newer_worker)',
  },
  {
    id: 'I24',
    promise: 'a newer build folds every run to the state the old one had',
    proof: 'test/journals (captured journals)',
  },
];
