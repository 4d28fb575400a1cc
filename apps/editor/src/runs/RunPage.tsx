import { isOver, nodeOfStep, type PipelineDocument } from '@switchyard/pipeline';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { type Edge, type ReactFlowInstance, ReactFlowProvider } from '@xyflow/react';
import { ChevronRight, Pencil } from 'lucide-react';
import { useEffect, useMemo, useRef } from 'react';
import { useStore } from 'zustand';
import { nodeTypes } from '../api/resources.ts';
import { Canvas } from '../canvas/Canvas.tsx';
import { type CanvasNode, createFlow } from '../canvas/flow.ts';
import { CanvasContext } from '../canvas/surroundings.ts';
import { type Catalogue, catalogueOf, titleOf } from '../document/node-types.ts';
import { type RunFeed, useFeed, useRunFeed } from '../live/run-feed.ts';
import { ZoomTools } from '../pipelines/CanvasTools.tsx';
import { CopyButton } from '../ui/CopyButton.tsx';
import { Skeleton, Trouble } from '../ui/Empty.tsx';
import { StateMark } from '../ui/StateMark.tsx';
import { between, duration } from './duration.ts';
import { keyShown } from './iterations.ts';
import { RunControls } from './RunControls.tsx';
import { RunOutcome } from './RunSummaryPanel.tsx';
import css from './runs.module.css';
import { StepPanel, type StepTab } from './StepPanel.tsx';
import { useNow } from './use-now.ts';
import { Waterfall } from './Waterfall.tsx';

/** `/runs/:rid`: the run on its own revision's canvas, its steps on a time scale, and one step in full. */
export function RunPage() {
  const { rid } = useParams({ from: '/runs/$rid' });
  const feed = useRunFeed(rid);
  const types = useQuery({
    queryKey: ['node-types'],
    queryFn: async () => catalogueOf(await nodeTypes()),
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (types.error !== null) return <Trouble error={types.error} retry={() => void types.refetch()} />;
  if (feed === null || types.data === undefined) return <Skeleton />;
  return <ShownRun feed={feed} catalogue={types.data} />;
}

function ShownRun({ feed, catalogue }: { readonly feed: RunFeed; readonly catalogue: Catalogue }) {
  const detail = useFeed(feed, (state) => state.detail);
  const error = useFeed(feed, (state) => state.error);
  const { step, tab, turn } = useSearch({ from: '/runs/$rid' });
  const shownKey = useFeed(feed, ({ run }) => (step === undefined ? null : keyShown(run, step)));
  const navigate = useNavigate({ from: '/runs/$rid' });
  const surroundings = useMemo(
    () => ({ catalogue, readOnly: true, insertOn: () => undefined, writeNote: () => undefined }),
    [catalogue],
  );
  if (error !== null) return <Trouble error={error} />;
  if (detail === null) return <Skeleton />;
  const { document } = detail.revision;
  const node = document.nodes.find((other) => step !== undefined && other.id === nodeOfStep(step));
  const choose = (id: string | null): void => void navigate({ search: id === null ? {} : { step: id } });
  const chooseTab = (next: StepTab): void => void navigate({ search: (old) => ({ ...old, tab: next }), replace: true });
  return (
    <div className={css.page}>
      <RunHeader feed={feed} step={shownKey} />
      <div className={css.columns}>
        <div className={css.left}>
          <div className={css.miniCanvas}>
            <CanvasContext value={surroundings}>
              <ReactFlowProvider>
                <RunCanvas document={document} catalogue={catalogue} selected={node?.id ?? null} onStep={choose} />
              </ReactFlowProvider>
            </CanvasContext>
          </div>
          <div className={css.stepsBox}>
            <Waterfall feed={feed} catalogue={catalogue} selected={step ?? null} onStep={choose} />
          </div>
        </div>
        <aside className={css.right} aria-label="Step">
          {node === undefined ? (
            <>
              {step === undefined ? null : <p className={css.gone}>There is no step “{step}” in this run.</p>}
              <RunOutcome feed={feed} />
            </>
          ) : (
            <StepPanel
              key={step}
              feed={feed}
              chosen={step ?? node.id}
              title={titleOf(node, catalogue)}
              tab={tab}
              turn={turn}
              onTab={chooseTab}
              onBack={() => choose(null)}
            />
          )}
        </aside>
      </div>
    </div>
  );
}

function RunHeader({ feed, step }: { readonly feed: RunFeed; readonly step: string | null }) {
  const run = useFeed(feed, (state) => state.run);
  const detail = useFeed(feed, (state) => state.detail);
  const time = useNow(!isOver(run));
  const { runId } = feed.getState();
  const row = detail?.run;
  useEffect(() => {
    document.title = `Run of ${row?.pipelineName ?? 'a pipeline'} · Switchyard`;
  }, [row]);
  return (
    <header className={css.header}>
      <nav className={css.crumbs} aria-label="Breadcrumb">
        <Link to="/runs">Runs</Link>
        <ChevronRight size={14} aria-hidden />
        <h1 className={css.runName}>{row?.pipelineName ?? 'Run'}</h1>
        <code className={css.faint}>{runId.slice(0, 8)}</code>
        <CopyButton label="Copy link" text={window.location.href} />
      </nav>
      <div className={css.headerRight}>
        <StateMark state={run.startedAt === null ? (row?.state ?? 'queued') : run.state} />
        {run.startedAt === null ? null : (
          <span className={css.number} title={`${run.startedAt} → ${run.finishedAt ?? '…'}`}>
            {new Date(run.startedAt).toLocaleTimeString()} · {duration(between(run.startedAt, run.finishedAt, time))}
          </span>
        )}
        <RunControls feed={feed} step={step} />
        {row === undefined ? null : (
          <Link to="/pipelines/$pid" params={{ pid: row.pipelineId }} search={{}} className={css.plainLink}>
            <Pencil size={14} aria-hidden /> Edit pipeline
          </Link>
        )}
      </div>
    </header>
  );
}

type CanvasProps = {
  readonly document: PipelineDocument;
  readonly catalogue: Catalogue;
  readonly selected: string | null;
  readonly onStep: (id: string | null) => void;
};

function RunCanvas({ document, catalogue, selected, onStep }: CanvasProps) {
  const view = useRef<ReactFlowInstance<CanvasNode, Edge> | null>(null);
  const flow = useMemo(() => {
    const made = createFlow(catalogue);
    made.sync(document);
    return made;
  }, [document, catalogue]);
  useEffect(() => flow.select(new Set(selected === null ? [] : [selected])), [flow, selected]);
  const clicked = useStore(
    flow,
    ({ nodes }) => nodes.find((node) => node.selected && node.type === 'step')?.id ?? null,
  );
  const told = useRef(selected);
  useEffect(() => {
    if (clicked !== selected && clicked !== told.current && clicked !== null) onStep(clicked);
    told.current = clicked;
  }, [clicked, selected, onStep]);
  const ready = (instance: ReactFlowInstance<CanvasNode, Edge>): void => {
    view.current = instance;
  };
  return (
    <Canvas flow={flow} gestures={null} onReady={ready} onPaneClick={() => onStep(null)}>
      <ZoomTools />
    </Canvas>
  );
}
