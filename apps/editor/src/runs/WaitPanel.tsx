import { useMutation, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Check, X } from 'lucide-react';
import { useState } from 'react';
import { decideApproval, decideCall, type Wait, waitsOf } from '../api/control.ts';
import { type RunFeed, useFeed } from '../live/run-feed.ts';
import { Button } from '../ui/Button.tsx';
import { CopyButton } from '../ui/CopyButton.tsx';
import { notifyError } from '../ui/notices.tsx';
import css from './controls.module.css';
import { StoredValueView } from './StoredValueView.tsx';

/** What a waiting step waits for, and the buttons that answer it; nothing when it does not wait. */
export function WaitPanel({ feed, stepKey }: { readonly feed: RunFeed; readonly stepKey: string }) {
  const waiting = useFeed(feed, (state) => state.run.steps.get(stepKey)?.state === 'waiting');
  const seq = useFeed(feed, (state) => state.run.seq);
  const { runId } = feed.getState();
  const { data } = useQuery({
    queryKey: ['waits', runId, seq],
    enabled: waiting,
    queryFn: () => waitsOf(runId),
  });
  const wait = data?.find((one) => one.stepKey === stepKey);
  if (!waiting || wait === undefined) return null;
  return (
    <section className={css.wait} aria-label="What it waits for" data-testid="wait">
      <WaitBody wait={wait} />
      {wait.link === null ? null : <CopyButton label="Copy the link for others" text={wait.link} />}
      {wait.until === null ? null : (
        <p>
          Until <time dateTime={wait.until}>{new Date(wait.until).toLocaleString()}</time>.
        </p>
      )}
    </section>
  );
}

function WaitBody({ wait }: { readonly wait: Wait }) {
  switch (wait.reason) {
    case 'approval':
      return <Approval wait={wait} />;
    case 'decision':
      return (
        <>
          {wait.calls.map((call) => (
            <CallInDoubt key={call} wait={wait} call={call} />
          ))}
        </>
      );
    case 'child':
      return wait.child === null ? null : (
        <p>
          Waits for{' '}
          <Link to="/runs/$rid" params={{ rid: wait.child }} search={{}}>
            the run it called
          </Link>
          .
        </p>
      );
    case 'webhook':
      return <p>Waits to be called at its link.</p>;
    case 'paused':
      return <p>Waits because the run is paused.</p>;
    case 'time':
      return <p>Waits for a time.</p>;
  }
}

function Approval({ wait }: { readonly wait: Wait }) {
  const [comment, setComment] = useState('');
  const deciding = useMutation({
    mutationFn: (approved: boolean) =>
      decideApproval(wait, { approved, ...(comment.trim() === '' ? {} : { comment }) }),
    onError: notifyError,
  });
  return (
    <>
      {wait.subject === null ? null : <StoredValueView value={wait.subject} runId={wait.runId} label="Subject" />}
      {wait.instructions === null ? null : <p>{wait.instructions}</p>}
      <label>
        Comment (optional)
        <textarea rows={2} maxLength={2000} value={comment} onChange={(event) => setComment(event.target.value)} />
      </label>
      <div className={css.buttons}>
        <Button
          tone="primary"
          icon={<Check size={13} />}
          disabled={deciding.isPending}
          onClick={() => deciding.mutate(true)}
        >
          Approve
        </Button>
        <Button icon={<X size={13} />} disabled={deciding.isPending} onClick={() => deciding.mutate(false)}>
          Reject
        </Button>
      </div>
    </>
  );
}

function CallInDoubt({ wait, call }: { readonly wait: Wait; readonly call: string }) {
  const deciding = useMutation({
    mutationFn: (decision: 'repeat' | 'use' | 'fail') => decideCall(wait, { call, decision }),
    onError: notifyError,
  });
  const button = (decision: 'repeat' | 'use' | 'fail', words: string) => (
    <Button disabled={deciding.isPending} onClick={() => deciding.mutate(decision)}>
      {words}
    </Button>
  );
  return (
    <>
      <p>
        The worker was lost during the call <code>{call}</code>. It is not known whether it was carried out.
      </p>
      <div className={css.buttons}>
        {button('repeat', 'Make it again')}
        {button('use', 'It was carried out')}
        {button('fail', 'Tell the model it failed')}
      </div>
    </>
  );
}
