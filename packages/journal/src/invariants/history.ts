import type { JournalEvent, PipelineDocument } from '@switchyard/pipeline';
import type { RunRowState, StepRowState } from '../contract.ts';
import type { InvariantId } from './promises.ts';

/** One run as it stands: its row, its step rows and its events, all of one moment. */
export type RunHistory = {
  readonly run: {
    readonly id: string;
    readonly state: RunRowState;
    readonly seq: number;
    readonly revisionId: string;
  };
  readonly steps: readonly {
    readonly key: string;
    readonly state: StepRowState;
    readonly attempt: number;
    readonly crashes: number;
    readonly held: boolean;
    readonly due: boolean;
    readonly parked: boolean;
  }[];
  /** All of them, in order. */
  readonly events: readonly JournalEvent[];
  /** Of the run's revision, where it is at hand: some invariants ask what was drawn. */
  readonly document: PipelineDocument | null;
  /** Share of the events at which the fold is cut in two (I3); null: it is not. */
  readonly cutAt?: number | null;
};

/** A promise that a run breaks, and where. */
export type Violation = { readonly id: InvariantId; readonly runId: string; readonly what: string };

/** Says what is wrong with a history, one sentence each. */
export type Check = (history: RunHistory) => readonly string[];

/** Events of each step, in order. */
export function byStep(events: readonly JournalEvent[]): ReadonlyMap<string, readonly JournalEvent[]> {
  const steps = new Map<string, JournalEvent[]>();
  for (const event of events) {
    if (event.stepKey === null) continue;
    const own = steps.get(event.stepKey);
    if (own === undefined) steps.set(event.stepKey, [event]);
    else own.push(event);
  }
  return steps;
}

/** Kinds that settle a step. */
export const SETTLING: ReadonlySet<string> = new Set([
  'step.succeeded',
  'step.failed',
  'step.skipped',
  'step.cancelled',
]);
/** Kinds that end a run. */
export const ENDING: ReadonlySet<string> = new Set(['run.succeeded', 'run.failed', 'run.cancelled']);
