import { prefixOf } from '@switchyard/pipeline';
import { ChevronsRight, StepBack, StepForward } from 'lucide-react';
import { type RunFeed, useFeed } from '../live/run-feed.ts';
import { IconButton } from '../ui/Button.tsx';
import { keysBeside } from './iterations.ts';
import css from './runs.module.css';

type Props = {
  readonly feed: RunFeed;
  readonly stepKey: string;
  /** Null: the newest one, also when newer ones begin. */
  readonly onPick: (key: string | null) => void;
};

/** Of a step in a loop: in which iteration it is, and the way to those beside it. Nothing for others. */
export function IterationPicker({ feed, stepKey, onPick }: Props) {
  const run = useFeed(feed, (state) => state.run);
  const prefix = prefixOf(stepKey);
  if (prefix === '') return null;
  const keys = keysBeside(run, stepKey);
  const at = keys.indexOf(stepKey);
  const [before, after] = [keys[at - 1], at < 0 ? undefined : keys[at + 1]];
  return (
    <div className={css.iterations} data-testid="iterations">
      <code>{prefix.slice(0, -1)}</code>
      <span className={css.faint}>
        {at < 0 ? 'not among the newest iterations, which are shown' : `${at + 1} of the ${keys.length} shown`}
      </span>
      <span className={css.spring} />
      <IconButton
        label="Earlier iteration"
        disabled={before === undefined}
        onClick={() => before !== undefined && onPick(before)}
      >
        <StepBack size={14} />
      </IconButton>
      <IconButton
        label="Later iteration"
        disabled={after === undefined}
        onClick={() => after !== undefined && onPick(after)}
      >
        <StepForward size={14} />
      </IconButton>
      <IconButton label="Newest iteration" onClick={() => onPick(null)}>
        <ChevronsRight size={14} />
      </IconButton>
    </div>
  );
}
