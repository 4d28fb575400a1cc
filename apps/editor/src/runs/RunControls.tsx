import { isOver } from '@switchyard/pipeline';
import { useMutation } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { Pause, Play, RotateCcw } from 'lucide-react';
import { useState } from 'react';
import { pauseRun, type RetryRevision, resumeRun, retryRun } from '../api/control.ts';
import { type RunFeed, useFeed } from '../live/run-feed.ts';
import { Button } from '../ui/Button.tsx';
import { notifyError } from '../ui/notices.tsx';
import { CancelButton } from './CancelButton.tsx';
import css from './controls.module.css';

/** What can be done to a run: pause, resume and cancel while it goes on, do again when it has ended. */
export function RunControls({ feed, step }: { readonly feed: RunFeed; readonly step: string | null }) {
  const over = useFeed(feed, (state) => isOver(state.run));
  const begun = useFeed(feed, (state) => state.run.startedAt !== null);
  if (!begun) return null;
  return over ? (
    <Retry feed={feed} step={step} />
  ) : (
    <>
      <PauseButton feed={feed} />
      <CancelButton feed={feed} />
    </>
  );
}

function PauseButton({ feed }: { readonly feed: RunFeed }) {
  const paused = useFeed(feed, (state) => state.run.paused);
  const cancelling = useFeed(feed, (state) => state.run.cancelRequested !== null);
  const { runId } = feed.getState();
  const asking = useMutation({
    mutationFn: (): Promise<unknown> => (paused ? resumeRun(runId) : pauseRun(runId)),
    onError: notifyError,
  });
  if (cancelling) return null;
  return (
    <Button
      icon={paused ? <Play size={13} /> : <Pause size={13} />}
      disabled={asking.isPending}
      onClick={() => asking.mutate()}
      title={paused ? 'Go on where the run is' : 'Begin nothing new; steps at work end, agents stop between two turns'}
    >
      {paused ? 'Resume' : 'Pause'}
    </Button>
  );
}

const REVISIONS: Readonly<Record<RetryRevision, string>> = {
  same: 'as it was',
  published: 'as published',
  draft: 'as in the draft',
};

function Retry({ feed, step }: { readonly feed: RunFeed; readonly step: string | null }) {
  const navigate = useNavigate();
  const [revision, setRevision] = useState<RetryRevision>('same');
  const failed = useFeed(feed, (state) => state.run.state !== 'succeeded');
  const isTrigger = useFeed(feed, (state) => state.run.trigger?.node === step);
  const { runId } = feed.getState();
  const from = step !== null && !isTrigger ? [step] : failed ? ('failed' as const) : null;
  const asking = useMutation({
    mutationFn: async () => (from === null ? null : retryRun(runId, { from, revision })),
    onSuccess: (made) => {
      if (made !== null) void navigate({ to: '/runs/$rid', params: { rid: made.runId }, search: {} });
    },
    onError: notifyError,
  });
  if (from === null) return null;
  return (
    <span className={css.retry}>
      <select
        aria-label="Pipeline of the new run"
        value={revision}
        onChange={(event) => setRevision(event.target.value as RetryRevision)}
      >
        {Object.entries(REVISIONS).map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
      <Button
        icon={<RotateCcw size={13} />}
        disabled={asking.isPending}
        onClick={() => asking.mutate()}
        title="A new run that copies what ended well and does the rest; this one stays as it is"
      >
        {from === 'failed' ? 'Retry' : 'Retry from this step'}
      </Button>
    </span>
  );
}
