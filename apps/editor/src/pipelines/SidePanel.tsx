import { useNavigate } from '@tanstack/react-router';
import { X } from 'lucide-react';
import { useEffect, useState } from 'react';
import type { Workbench } from '../canvas/actions.ts';
import { useDraftPart } from '../document/draft-store.ts';
import { titleOf } from '../document/node-types.ts';
import { Inspector } from '../inspector/Inspector.tsx';
import type { RunFeed } from '../live/run-feed.ts';
import { RunSummaryPanel } from '../runs/RunSummaryPanel.tsx';
import { StepPanel } from '../runs/StepPanel.tsx';
import { IconButton } from '../ui/Button.tsx';
import css from './editor.module.css';

type Props = { readonly bench: Workbench; readonly selected: string | null; readonly feed: RunFeed | null };

/** The right side: the selected step's settings, or what it did in the shown run. Away when there is neither. */
export function SidePanel({ bench, selected, feed }: Props) {
  const navigate = useNavigate({ from: '/pipelines/$pid' });
  const runId = feed?.getState().runId ?? null;
  const [view, setView] = useState<'settings' | 'run'>('settings');
  useEffect(() => setView(runId === null ? 'settings' : 'run'), [runId]);
  if (selected === null && feed === null) return null;
  const shown = selected === null ? 'run' : feed === null ? 'settings' : view;
  const closeRun = (): void => void navigate({ search: ({ run: _run, ...rest }) => rest });
  return (
    <aside className={css.side} aria-label="Details">
      {feed === null ? null : (
        <div className={css.sideTabs} role="tablist" aria-label="Details">
          <button
            type="button"
            role="tab"
            aria-selected={shown === 'settings'}
            disabled={selected === null}
            onClick={() => setView('settings')}
          >
            Settings
          </button>
          <button type="button" role="tab" aria-selected={shown === 'run'} onClick={() => setView('run')}>
            This run
          </button>
          <IconButton label="Close run" onClick={closeRun}>
            <X size={15} />
          </IconButton>
        </div>
      )}
      {shown === 'settings' && selected !== null ? <Inspector bench={bench} nodeId={selected} /> : null}
      {shown === 'run' && feed !== null ? <ShownRun bench={bench} feed={feed} selected={selected} /> : null}
    </aside>
  );
}

function ShownRun({
  bench,
  feed,
  selected,
}: {
  readonly bench: Workbench;
  readonly feed: RunFeed;
  readonly selected: string | null;
}) {
  const node = useDraftPart((state) => state.document.nodes.find((other) => other.id === selected));
  const select = (id: string | null): void => bench.flow.select(new Set(id === null ? [] : [id]));
  if (node === undefined) return <RunSummaryPanel feed={feed} catalogue={bench.catalogue} onStep={select} />;
  return (
    <StepPanel
      key={node.id}
      feed={feed}
      chosen={node.id}
      title={titleOf(node, bench.catalogue)}
      onBack={() => select(null)}
    />
  );
}
