import { type InfiniteData, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { ChevronRight, History } from 'lucide-react';
import { useEffect, useMemo, useState } from 'react';
import { type Page, pipeline, type RunState, type RunSummary, runs } from '../api/resources.ts';
import { followRuns } from '../live/stream.ts';
import { Button } from '../ui/Button.tsx';
import { Empty, Skeleton, Trouble } from '../ui/Empty.tsx';
import { StateMark, stateWord } from '../ui/StateMark.tsx';
import { ago, between, duration } from './duration.ts';
import listCss from './lists.module.css';
import css from './runs.module.css';
import { useNow } from './use-now.ts';

/** `/runs`: runs of all pipelines, newest first, live. */
export function RunsPage() {
  return <RunList pipelineId={undefined} />;
}

/** `/pipelines/:pid/runs`: runs of one pipeline. */
export function PipelineRunsPage() {
  const { pid } = useParams({ from: '/pipelines/$pid/runs' });
  return <RunList key={pid} pipelineId={pid} />;
}

const FILTERS: readonly RunState[] = ['running', 'succeeded', 'failed', 'cancelled'];

function RunList({ pipelineId }: { readonly pipelineId: string | undefined }) {
  const [state, setState] = useState<string>('');
  const key = useMemo(() => ['runs', pipelineId ?? '', state], [pipelineId, state]);
  const list = useInfiniteQuery({
    queryKey: key,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) =>
      runs({
        ...(pipelineId === undefined ? {} : { pipeline: pipelineId }),
        ...(state === '' ? {} : { state }),
        ...(pageParam === undefined ? {} : { after: pageParam }),
      }),
    getNextPageParam: (page) => page.next ?? undefined,
  });
  useLiveRuns(key, pipelineId, state);
  const rows = list.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <div className={listCss.listPage}>
      <ListHeader pipelineId={pipelineId} state={state} onState={setState} />
      <div className={listCss.listBody}>
        {list.error === null ? null : <Trouble error={list.error} retry={() => void list.refetch()} />}
        {list.isPending ? <Skeleton rows={6} /> : null}
        {list.isSuccess && rows.length === 0 ? <NoRuns pipelineId={pipelineId} filtered={state !== ''} /> : null}
        {rows.length === 0 ? null : <RunTable rows={rows} withPipeline={pipelineId === undefined} />}
        {list.hasNextPage ? (
          <div className={listCss.loadMore}>
            <Button disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
              {list.isFetchingNextPage ? 'Loading…' : 'Load more'}
            </Button>
          </div>
        ) : null}
      </div>
    </div>
  );
}

function ListHeader({
  pipelineId,
  state,
  onState,
}: {
  readonly pipelineId: string | undefined;
  readonly state: string;
  readonly onState: (state: string) => void;
}) {
  const { data } = useQuery({
    queryKey: ['pipeline', pipelineId, 'name'],
    queryFn: () => pipeline(pipelineId ?? ''),
    enabled: pipelineId !== undefined,
  });
  useEffect(() => {
    document.title = 'Runs · Switchyard';
  }, []);
  return (
    <header className={listCss.listHeader}>
      {pipelineId === undefined ? (
        <h1>Runs</h1>
      ) : (
        <nav className={css.crumbs} aria-label="Breadcrumb">
          <Link to="/pipelines">Pipelines</Link>
          <ChevronRight size={14} aria-hidden />
          <Link to="/pipelines/$pid" params={{ pid: pipelineId }} search={{}}>
            {data?.name ?? '…'}
          </Link>
          <ChevronRight size={14} aria-hidden />
          <h1 className={css.runName}>Runs</h1>
        </nav>
      )}
      <fieldset className={listCss.filters} aria-label="Show runs">
        {['', ...FILTERS].map((option) => (
          <button key={option} type="button" aria-pressed={state === option} onClick={() => onState(option)}>
            {option === '' ? 'All' : stateWord(option as RunState)}
          </button>
        ))}
      </fieldset>
    </header>
  );
}

function NoRuns({ pipelineId, filtered }: { readonly pipelineId: string | undefined; readonly filtered: boolean }) {
  if (filtered) return <Empty icon={<History size={22} />} title="No such runs" text="No run is in this state." />;
  return (
    <Empty icon={<History size={22} />} title="No runs yet" text="Open a pipeline and press Run, or call its webhook.">
      {pipelineId === undefined ? (
        <Link to="/pipelines" className={listCss.buttonLink}>
          See pipelines
        </Link>
      ) : (
        <Link to="/pipelines/$pid" params={{ pid: pipelineId }} search={{}} className={listCss.buttonLink}>
          Open the pipeline
        </Link>
      )}
    </Empty>
  );
}

function RunTable({ rows, withPipeline }: { readonly rows: readonly RunSummary[]; readonly withPipeline: boolean }) {
  const time = useNow(rows.some((row) => row.endedAt === null));
  return (
    <table className={listCss.table}>
      <thead>
        <tr>
          <th>State</th>
          {withPipeline ? <th>Pipeline</th> : null}
          <th>Started by</th>
          <th>Version</th>
          <th>Started</th>
          <th className={listCss.right2}>Took</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.id}>
            <td>
              <Link
                to="/runs/$rid"
                params={{ rid: row.id }}
                search={{}}
                className={listCss.rowLink}
                aria-label={`Run ${row.id}: ${stateWord(row.state)}`}
              >
                <StateMark state={row.state} />
              </Link>
            </td>
            {withPipeline ? <td className={listCss.strong}>{row.pipelineName}</td> : null}
            <td className={css.faint}>{row.trigger}</td>
            <td className={css.faint}>{row.revisionNumber === null ? 'draft' : `v${row.revisionNumber}`}</td>
            <td className={css.faint} title={row.startedAt ?? row.createdAt}>
              {ago(row.startedAt ?? row.createdAt, time)}
            </td>
            <td className={`${css.number} ${listCss.right2}`}>
              {row.startedAt === null ? '' : duration(between(row.startedAt, row.endedAt, time))}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** New and changed rows go straight into the list on screen; after a reconnect it is asked for anew. */
function useLiveRuns(key: readonly string[], pipelineId: string | undefined, state: string): void {
  const client = useQueryClient();
  useEffect(() => {
    const belongs = (row: RunSummary): boolean =>
      (pipelineId === undefined || row.pipelineId === pipelineId) && (state === '' || row.state === state);
    return followRuns({
      changed: (rows) =>
        client.setQueryData<InfiniteData<Page<RunSummary>>>([...key], (old) =>
          old === undefined ? old : merged(old, rows, belongs),
        ),
      resumed: () => void client.invalidateQueries({ queryKey: [...key] }),
    });
  }, [client, key, pipelineId, state]);
}

function merged(
  old: InfiniteData<Page<RunSummary>>,
  rows: readonly RunSummary[],
  belongs: (row: RunSummary) => boolean,
): InfiniteData<Page<RunSummary>> {
  const changed = new Map(rows.map((row) => [row.id, row]));
  const known = new Set(old.pages.flatMap((page) => page.items.map((row) => row.id)));
  const fresh = rows
    .filter((row) => !known.has(row.id) && belongs(row))
    .sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  const pages = old.pages.map((page, index) => {
    const items = page.items.map((row) => changed.get(row.id) ?? row).filter(belongs);
    return { ...page, items: index === 0 ? [...fresh, ...items] : items };
  });
  return { ...old, pages };
}
