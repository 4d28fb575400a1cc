import { isOver } from '@switchyard/pipeline';
import { Link } from '@tanstack/react-router';
import { ExternalLink } from 'lucide-react';
import type { Catalogue } from '../document/node-types.ts';
import { type RunFeed, useFeed } from '../live/run-feed.ts';
import { Trouble } from '../ui/Empty.tsx';
import { StateMark } from '../ui/StateMark.tsx';
import { CancelButton } from './CancelButton.tsx';
import { between, duration } from './duration.ts';
import { FailureView } from './FailureView.tsx';
import css from './runs.module.css';
import { StoredValueView } from './StoredValueView.tsx';
import { useNow } from './use-now.ts';
import { Waterfall } from './Waterfall.tsx';

type Props = { readonly feed: RunFeed; readonly catalogue: Catalogue; readonly onStep: (node: string) => void };

/** A run in short: state, time, its steps on a common scale, what came out. */
export function RunSummaryPanel({ feed, catalogue, onStep }: Props) {
  const run = useFeed(feed, (state) => state.run);
  const error = useFeed(feed, (state) => state.error);
  const { runId } = feed.getState();
  const time = useNow(!isOver(run));
  if (error !== null) return <Trouble error={error} />;
  return (
    <div className={css.panel} data-testid="run-summary">
      <div className={css.summary}>
        <StateMark state={run.state} />
        {run.startedAt === null ? null : (
          <span className={css.number}>{duration(between(run.startedAt, run.finishedAt, time))}</span>
        )}
        <span className={css.spring} />
        <CancelButton feed={feed} />
        <Link to="/runs/$rid" params={{ rid: runId }} className={css.openRun} aria-label="Open run">
          Open <ExternalLink size={13} aria-hidden />
        </Link>
      </div>
      <Waterfall feed={feed} catalogue={catalogue} onStep={onStep} />
      <RunOutcome feed={feed} />
    </div>
  );
}

/** What a run got and gave. */
export function RunOutcome({ feed }: { readonly feed: RunFeed }) {
  const run = useFeed(feed, (state) => state.run);
  const { runId } = feed.getState();
  return (
    <div className={css.outcome}>
      {run.failure === null ? null : (
        <section>
          <h3>Why it failed</h3>
          <FailureView failure={run.failure} about={{ run: runId }} />
        </section>
      )}
      {run.output === null ? null : (
        <section>
          <h3>Output</h3>
          <StoredValueView value={run.output} runId={runId} label="Run output" />
        </section>
      )}
      {run.input === null ? null : (
        <section>
          <h3>Input</h3>
          <StoredValueView value={run.input} runId={runId} label="Run input" />
        </section>
      )}
    </div>
  );
}
