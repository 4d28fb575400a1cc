import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { nodeTypes, pipeline } from '../api/resources.ts';
import { type DraftStore, OpenDraft, openDraft } from '../document/draft-store.ts';
import { catalogueOf } from '../document/node-types.ts';
import { Skeleton, Trouble } from '../ui/Empty.tsx';
import { Editor } from './Editor.tsx';

/** `/pipelines/:pid`: opens the draft and draws the editor on it. Leaving the page closes the draft. */
export function EditorPage() {
  const { pid } = useParams({ from: '/pipelines/$pid' });
  return <OpenedPipeline key={pid} pid={pid} />;
}

function OpenedPipeline({ pid }: { readonly pid: string }) {
  const types = useQuery({
    queryKey: ['node-types'],
    queryFn: async () => catalogueOf(await nodeTypes()),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const [draft, setDraft] = useState<DraftStore | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const [attempt, setAttempt] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt asks again
  useEffect(() => {
    let opened: DraftStore | null = null;
    let left = false;
    pipeline(pid)
      .then((detail) => {
        if (left) return;
        opened = openDraft(detail);
        setDraft(opened);
      })
      .catch((cause: unknown) => setError(cause instanceof Error ? cause : new Error(String(cause))));
    return () => {
      left = true;
      opened?.close();
      setDraft(null);
      setError(null);
    };
  }, [pid, attempt]);
  const trouble = error ?? types.error;
  if (trouble !== null)
    return (
      <Trouble error={trouble} retry={() => (types.error === null ? setAttempt(attempt + 1) : void types.refetch())} />
    );
  if (draft === null || types.data === undefined) return <Skeleton />;
  return (
    <OpenDraft value={draft}>
      <Editor draft={draft} catalogue={types.data} />
    </OpenDraft>
  );
}
