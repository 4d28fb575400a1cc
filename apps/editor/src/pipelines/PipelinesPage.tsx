import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { Plus, Search, Trash2, Waypoints } from 'lucide-react';
import { useEffect, useState } from 'react';
import { createPipeline, deletePipeline, type PipelineSummary, pipelines, type RunSummary } from '../api/resources.ts';
import { followRuns } from '../live/stream.ts';
import { ago } from '../runs/duration.ts';
import listCss from '../runs/lists.module.css';
import { useNow } from '../runs/use-now.ts';
import { Button, IconButton } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { Empty, Skeleton, Trouble } from '../ui/Empty.tsx';
import { notifyError } from '../ui/notices.tsx';
import { StateMark } from '../ui/StateMark.tsx';
import css from './list.module.css';

/** `/pipelines`: all pipelines with the state of their last run. */
export function PipelinesPage() {
  const [query, setQuery] = useState('');
  const [deleting, setDeleting] = useState<PipelineSummary | null>(null);
  const list = useQuery({
    queryKey: ['pipelines', query],
    queryFn: () => pipelines(query),
    placeholderData: (old) => old,
  });
  const making = useNewPipeline();
  useLastRuns();
  useEffect(() => {
    document.title = 'Pipelines · Switchyard';
  }, []);
  const rows = list.data ?? [];
  return (
    <div className={listCss.listPage}>
      <header className={listCss.listHeader}>
        <h1>Pipelines</h1>
        <div className={css.headerTools}>
          <label className={css.search}>
            <Search size={14} aria-hidden />
            <input
              type="search"
              aria-label="Search pipelines"
              placeholder="Search"
              value={query}
              onChange={(event) => setQuery(event.target.value)}
            />
          </label>
          <Button tone="primary" icon={<Plus size={15} />} disabled={making.isPending} onClick={() => making.mutate()}>
            New pipeline
          </Button>
        </div>
      </header>
      <div className={listCss.listBody}>
        {list.error === null ? null : <Trouble error={list.error} retry={() => void list.refetch()} />}
        {list.isPending ? <Skeleton rows={5} /> : null}
        {list.isSuccess && rows.length === 0 ? <NoPipelines query={query} onNew={() => making.mutate()} /> : null}
        {rows.length === 0 ? null : (
          <ul className={css.list}>
            {rows.map((row) => (
              <PipelineRow key={row.id} row={row} onDelete={() => setDeleting(row)} />
            ))}
          </ul>
        )}
      </div>
      {deleting === null ? null : <DeleteDialog pipeline={deleting} onClose={() => setDeleting(null)} />}
    </div>
  );
}

function useNewPipeline() {
  const navigate = useNavigate();
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => createPipeline({ name: 'Untitled pipeline' }),
    onSuccess: ({ id }) => {
      void client.invalidateQueries({ queryKey: ['pipelines'] });
      void navigate({ to: '/pipelines/$pid', params: { pid: id }, search: {} });
    },
    onError: notifyError,
  });
}

function NoPipelines({ query, onNew }: { readonly query: string; readonly onNew: () => void }) {
  if (query !== '')
    return <Empty icon={<Search size={22} />} title="Nothing found" text={`No pipeline is called “${query}”.`} />;
  return (
    <Empty
      icon={<Waypoints size={22} />}
      title="No pipelines yet"
      text="A pipeline is a drawing of what should happen, and what starts it. Draw the first one."
    >
      <Button tone="primary" icon={<Plus size={15} />} onClick={onNew}>
        New pipeline
      </Button>
    </Empty>
  );
}

function PipelineRow({ row, onDelete }: { readonly row: PipelineSummary; readonly onDelete: () => void }) {
  const time = useNow(row.lastRun?.state === 'running');
  return (
    <li className={css.row}>
      <Link to="/pipelines/$pid" params={{ pid: row.id }} search={{}} className={css.main}>
        <span className={css.icon} aria-hidden>
          <Waypoints size={16} />
        </span>
        <span className={css.title}>{row.name}</span>
        <span className={css.version}>
          {row.published === null ? 'Draft' : row.published.number === null ? 'Published' : `v${row.published.number}`}
        </span>
      </Link>
      {row.lastRun === null ? (
        <span className={css.last}>No runs yet</span>
      ) : (
        <Link to="/runs/$rid" params={{ rid: row.lastRun.id }} search={{}} className={css.last}>
          <StateMark state={row.lastRun.state} /> {ago(row.lastRun.at, time)}
        </Link>
      )}
      <Link to="/pipelines/$pid/runs" params={{ pid: row.id }} className={css.runsLink}>
        Runs
      </Link>
      <IconButton label={`Delete ${row.name}`} onClick={onDelete}>
        <Trash2 size={15} />
      </IconButton>
    </li>
  );
}

function DeleteDialog({ pipeline, onClose }: { readonly pipeline: PipelineSummary; readonly onClose: () => void }) {
  const client = useQueryClient();
  const deleting = useMutation({
    mutationFn: () => deletePipeline(pipeline.id),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ['pipelines'] });
      onClose();
    },
    onError: notifyError,
  });
  return (
    <Dialog
      title={`Delete “${pipeline.name}”?`}
      description="Its webhooks and schedules stop at once. This cannot be undone."
      onClose={onClose}
      actions={
        <>
          <Button autoFocus onClick={onClose}>
            Keep it
          </Button>
          <Button tone="danger" disabled={deleting.isPending} onClick={() => deleting.mutate()}>
            Delete pipeline
          </Button>
        </>
      }
    >
      {null}
    </Dialog>
  );
}

/** A run that starts or ends changes the mark of its pipeline at once. */
function useLastRuns(): void {
  const client = useQueryClient();
  useEffect(
    () =>
      followRuns({
        changed: (rows) =>
          client.setQueriesData<readonly PipelineSummary[]>({ queryKey: ['pipelines'] }, (old) =>
            old?.map((pipeline) => withLastRun(pipeline, rows)),
          ),
        resumed: () => void client.invalidateQueries({ queryKey: ['pipelines'] }),
      }),
    [client],
  );
}

function withLastRun(pipeline: PipelineSummary, rows: readonly RunSummary[]): PipelineSummary {
  const newest = rows
    .filter((row) => row.pipelineId === pipeline.id)
    .sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1))[0];
  if (
    newest === undefined ||
    (pipeline.lastRun !== null && pipeline.lastRun.id !== newest.id && pipeline.lastRun.at > newest.createdAt)
  )
    return pipeline;
  return { ...pipeline, lastRun: { id: newest.id, state: newest.state, at: newest.endedAt ?? newest.createdAt } };
}
