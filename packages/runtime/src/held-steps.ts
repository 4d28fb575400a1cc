import type { HeldStep, StepHint } from '@switchyard/journal';
import { LeaseLost, StopRequested } from './errors.ts';

/*
 * The steps this process claims or holds, one entry each. A doubled hint finds the entry and is dropped without asking
 * the journal.
 *
 *   (none) → claiming   begin: nobody else in this process has it; epoch still null
 *   claiming → held     setEpoch: the journal said yes
 *   held → (none)       end: its last append was answered, or it was lost
 *   any → aborted       stop (cancel), lose (lease gone): the entry stays until the step's code has ended
 */

/** One step in this process's hands. */
export type Holding = {
  readonly runId: string;
  readonly stepKey: string;
  /** Null while it is being claimed. */
  epoch: number | null;
  /** Aborted with the reason why the step must end. */
  readonly abort: AbortController;
  /** Whether its run was paused when the last pulse looked. */
  paused: boolean;
  /** Resolves when this process has let go of the step. */
  readonly ended: Promise<void>;
};

/** The set of them. */
export class HeldSteps {
  readonly #byStep = new Map<string, Holding>();
  readonly #letGo = new WeakMap<Holding, () => void>();
  /** Leases the last pulse named that were unknown here; a second look proves them orphans. */
  #unknown = new Set<string>();

  /** How many there are. */
  get size(): number {
    return this.#byStep.size;
  }

  /** Null when this process already has the step. */
  begin(runId: string, stepKey: string, epoch: number | null = null): Holding | null {
    const key = `${runId}/${stepKey}`;
    if (this.#byStep.has(key)) return null;
    let letGo = (): void => {};
    const ended = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const holding: Holding = { runId, stepKey, epoch, abort: new AbortController(), paused: false, ended };
    this.#letGo.set(holding, letGo);
    this.#byStep.set(key, holding);
    return holding;
  }

  /**
   * A hint for a step that is held here, of the epoch it was claimed at or later, is no double: the step was freed or is to
   * be tried again. What is held has lost its lease, or is just ending; resolves when it is out of the way.
   */
  async makeWay(hint: StepHint): Promise<void> {
    const holding = this.#byStep.get(`${hint.runId}/${hint.stepKey}`);
    if (!holding || holding.epoch === null || hint.epoch < holding.epoch) return;
    if (hint.epoch > holding.epoch) holding.abort.abort(new LeaseLost());
    await holding.ended;
  }

  /** Forgets a step; harmless when it is gone. */
  end(holding: Holding): void {
    const key = `${holding.runId}/${holding.stepKey}`;
    if (this.#byStep.get(key) === holding) this.#byStep.delete(key);
    this.#letGo.get(holding)?.();
  }

  /** Steps held of one run. */
  ofRun(runId: string): readonly Holding[] {
    return [...this.#byStep.values()].filter((holding) => holding.runId === runId);
  }

  /** Asks all steps of a run to end as cancelled. */
  stopRun(runId: string): void {
    for (const holding of this.ofRun(runId)) holding.abort.abort(new StopRequested());
  }

  /** All leases are gone or may be: whatever runs must end and write nothing. */
  loseAll(message: string): void {
    for (const holding of this.#byStep.values()) holding.abort.abort(new LeaseLost(message));
  }

  /**
   * Compares with what the journal says this worker holds: stops what must stop, and answers with leases nobody here
   * knows of. Those named for the first time may be an answer that crossed this one, so they must be named twice.
   */
  compare(leases: readonly HeldStep[]): readonly HeldStep[] {
    const orphans: HeldStep[] = [];
    const unknown = new Set<string>();
    for (const lease of leases) {
      const holding = this.#byStep.get(`${lease.runId}/${lease.stepKey}`);
      if (holding) {
        holding.paused = lease.paused === true;
        if (lease.stop && (holding.epoch === null || holding.epoch === lease.epoch))
          holding.abort.abort(new StopRequested());
        continue;
      }
      const name = `${lease.runId}/${lease.stepKey}/${lease.epoch}`;
      unknown.add(name);
      if (this.#unknown.has(name)) orphans.push(lease);
    }
    this.#unknown = unknown;
    return orphans;
  }
}
