import { Ban, Check, CircleDashed, Hourglass, LoaderCircle, Minus, Pause, RotateCw, Square, X } from 'lucide-react';
import css from './ui.module.css';

/** A state of a run or step as people see it. `retrying` is a queued step with a failed attempt behind it. */
export type ShownState =
  | 'queued'
  | 'running'
  | 'waiting'
  | 'paused'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'skipped'
  | 'retrying';

const MARKS = {
  queued: { icon: CircleDashed, word: 'Queued' },
  running: { icon: LoaderCircle, word: 'Running' },
  waiting: { icon: Hourglass, word: 'Waiting' },
  paused: { icon: Pause, word: 'Paused' },
  succeeded: { icon: Check, word: 'Succeeded' },
  failed: { icon: X, word: 'Failed' },
  cancelled: { icon: Square, word: 'Cancelled' },
  skipped: { icon: Minus, word: 'Skipped' },
  retrying: { icon: RotateCw, word: 'Retrying' },
} as const;

/** The word for a state. */
export const stateWord = (state: ShownState): string => MARKS[state].word;

/** Icon and word of a state; never colour alone. `quiet` draws the icon only and keeps the word for screen readers. */
export function StateMark({ state, quiet = false }: { readonly state: ShownState; readonly quiet?: boolean }) {
  const { icon: Icon, word } = MARKS[state] ?? { icon: Ban, word: state };
  return (
    <span className={css.state} data-state={state}>
      <Icon size={14} strokeWidth={2.4} aria-hidden className={state === 'running' ? css.turning : undefined} />
      <span className={quiet ? 'visually-hidden' : undefined}>{word}</span>
    </span>
  );
}
