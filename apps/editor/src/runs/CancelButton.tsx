import { isOver } from '@switchyard/pipeline';
import { useMutation } from '@tanstack/react-query';
import { Square } from 'lucide-react';
import { cancelRun } from '../api/resources.ts';
import { type RunFeed, useFeed } from '../live/run-feed.ts';
import { Button } from '../ui/Button.tsx';
import { notifyError } from '../ui/notices.tsx';

/** Stops a run that goes on; away when it is over. */
export function CancelButton({ feed }: { readonly feed: RunFeed }) {
  const over = useFeed(feed, (state) => isOver(state.run) || state.run.startedAt === null);
  const asked = useFeed(feed, (state) => state.run.cancelRequested !== null);
  const cancelling = useMutation({ mutationFn: () => cancelRun(feed.getState().runId), onError: notifyError });
  if (over) return null;
  const waiting = asked || cancelling.isPending;
  return (
    <Button tone="danger" icon={<Square size={13} />} disabled={waiting} onClick={() => cancelling.mutate()}>
      {waiting ? 'Cancelling…' : 'Cancel run'}
    </Button>
  );
}
