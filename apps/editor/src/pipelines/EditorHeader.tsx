import type { Problem } from '@switchyard/pipeline';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { ChevronRight, CircleX, History, Play, SlidersHorizontal, TriangleAlert } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { pipeline, publish, revision, startRun } from '../api/resources.ts';
import { nameOf, reveal, type Workbench } from '../canvas/actions.ts';
import { useProblems } from '../canvas/surroundings.ts';
import { useDraftPart } from '../document/draft-store.ts';
import { sameDocument } from '../document/edits.ts';
import { Button, IconButton } from '../ui/Button.tsx';
import { notify, notifyError } from '../ui/notices.tsx';
import css from './editor.module.css';
import { ProblemsDialog } from './ProblemsDialog.tsx';
import { RunDialog } from './RunDialog.tsx';
import { SaveMark } from './SaveMark.tsx';
import { SettingsDialog } from './SettingsDialog.tsx';
import type { EditorDialogs } from './use-editor-shortcuts.tsx';

/** Name, where saving and publishing stand, problems, and the two things a pipeline is for: publish and run. */
export function EditorHeader({ bench, dialogs }: { readonly bench: Workbench; readonly dialogs: EditorDialogs }) {
  const name = useDraftPart((state) => state.name);
  const pipelineId = useDraftPart((state) => state.pipelineId);
  const restored = useDraftPart((state) => state.restored);
  useEffect(() => {
    document.title = `${name} · Switchyard`;
  }, [name]);
  useEffect(() => {
    if (restored) notify({ tone: 'plain', text: 'Restored unsaved changes from this browser.' });
  }, [restored]);
  return (
    <header className={css.header}>
      <nav className={css.crumbs} aria-label="Breadcrumb">
        <Link to="/pipelines">Pipelines</Link>
        <ChevronRight size={14} aria-hidden />
        <input
          className={css.name}
          aria-label="Pipeline name"
          value={name}
          maxLength={120}
          size={Math.min(Math.max(name.length, 8), 40)}
          onChange={(event) => bench.draft.rename(event.target.value)}
        />
        <SaveMark />
      </nav>
      <div className={css.headerRight}>
        <ProblemsButton bench={bench} />
        <Link to="/pipelines/$pid/runs" params={{ pid: pipelineId }} className={css.plainLink}>
          <History size={14} aria-hidden /> Runs
        </Link>
        <SettingsButton bench={bench} />
        <PublishButton bench={bench} />
        <RunButton bench={bench} asked={dialogs.runAsked} />
      </div>
    </header>
  );
}

function SettingsButton({ bench }: { readonly bench: Workbench }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <IconButton label="Pipeline settings" onClick={() => setOpen(true)}>
        <SlidersHorizontal size={15} />
      </IconButton>
      {open ? <SettingsDialog bench={bench} onClose={() => setOpen(false)} /> : null}
    </>
  );
}

function ProblemsButton({ bench }: { readonly bench: Workbench }) {
  const problems = useProblems((state) => state.list);
  const untouched = useDraftPart((state) => state.document.nodes.length === 0);
  const [open, setOpen] = useState(false);
  if ((problems.length === 0 || untouched) && !open) return null;
  const errors = problems.some((problem) => problem.severity === 'error');
  return (
    <>
      <Button
        tone="quiet"
        icon={errors ? <CircleX size={14} color="var(--failed)" /> : <TriangleAlert size={14} color="var(--waiting)" />}
        onClick={() => setOpen(true)}
      >
        {problems.length} problem{problems.length === 1 ? '' : 's'}
      </Button>
      {open ? <ProblemsList bench={bench} title="Problems" problems={problems} onClose={() => setOpen(false)} /> : null}
    </>
  );
}

type ListProps = {
  readonly bench: Workbench;
  readonly title: string;
  readonly description?: string;
  readonly problems: readonly Problem[];
  readonly onClose: () => void;
};

function ProblemsList({ bench, onClose, ...rest }: ListProps) {
  const jump = (node: string): void => {
    onClose();
    reveal(bench, node);
  };
  return <ProblemsDialog {...rest} nameOf={(id) => nameOf(bench, id)} onJump={jump} onClose={onClose} />;
}

/** The published revision, and whether the draft differs from it by content. */
function usePublished(pipelineId: string) {
  const document = useDraftPart((state) => state.document);
  const detail = useQuery({
    queryKey: ['pipeline', pipelineId, 'published'],
    queryFn: () => pipeline(pipelineId).then((found) => found.published),
  });
  const id = detail.data?.id;
  const frozen = useQuery({
    queryKey: ['revision', id],
    queryFn: () => revision(id ?? ''),
    enabled: id !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const number = frozen.data?.number ?? detail.data?.number ?? null;
  return { number, changed: frozen.data === undefined ? false : !sameDocument(frozen.data.document, document) };
}

function PublishButton({ bench }: { readonly bench: Workbench }) {
  const pipelineId = useDraftPart((state) => state.pipelineId);
  const { number, changed } = usePublished(pipelineId);
  const problems = useProblems((state) => state.list).filter((problem) => problem.severity === 'error');
  const [refused, setRefused] = useState<readonly Problem[] | null>(null);
  const client = useQueryClient();
  const publishing = useMutation({
    mutationFn: async () => {
      const save = await bench.draft.flush();
      if (save.phase !== 'saved') throw new Error('The draft is not saved yet, so it cannot be published.');
      return publish(pipelineId, save.version);
    },
    onSuccess: async (made) => {
      await client.invalidateQueries({ queryKey: ['pipeline', pipelineId, 'published'] });
      notify({ tone: 'plain', text: `Published v${made.number}. Triggers now start this version.` });
    },
    onError: (error) => {
      const body = 'body' in error ? (error.body as { readonly problems?: readonly Problem[] }) : {};
      if (body.problems !== undefined && body.problems.length > 0) setRefused(body.problems);
      else notifyError(error);
    },
  });
  const words =
    number === null ? 'Not published' : changed ? `v${number} published · unpublished changes` : `v${number} published`;
  return (
    <>
      <span className={css.published} data-changed={changed || number === null} data-testid="publish-state">
        {words}
      </span>
      <Button
        disabled={publishing.isPending || (number !== null && !changed)}
        onClick={() => (problems.length > 0 ? setRefused(problems) : publishing.mutate())}
      >
        Publish
      </Button>
      {refused === null ? null : (
        <ProblemsList
          bench={bench}
          title="Not ready to publish"
          description="These must be solved first. Your draft is safe."
          problems={refused}
          onClose={() => setRefused(null)}
        />
      )}
    </>
  );
}

function RunButton({ bench, asked }: { readonly bench: Workbench; readonly asked: number }) {
  const pipelineId = useDraftPart((state) => state.pipelineId);
  const document = useDraftPart((state) => state.document);
  const problems = useProblems((state) => state.list).filter((problem) => problem.severity === 'error');
  const navigate = useNavigate({ from: '/pipelines/$pid' });
  const [open, setOpen] = useState<'no' | 'input' | 'problems'>('no');
  const ask = (): void => setOpen(problems.length > 0 ? 'problems' : 'input');
  const seen = useRef(asked);
  useEffect(() => {
    if (asked === seen.current) return;
    seen.current = asked;
    ask();
  });
  const starting = useMutation({
    mutationFn: async ({ trigger, input }: { readonly trigger: string; readonly input: unknown }) => {
      const save = await bench.draft.flush();
      if (save.phase !== 'saved') throw new Error('The draft is not saved yet, so it cannot run.');
      return startRun(pipelineId, { source: 'draft', trigger, input });
    },
    onSuccess: ({ runId }) => void navigate({ search: (old) => ({ ...old, run: runId }) }),
    onError: notifyError,
  });
  const start = (trigger: string, input: unknown): void => {
    setOpen('no');
    starting.mutate({ trigger, input });
  };
  return (
    <>
      <Button
        tone="primary"
        icon={<Play size={14} />}
        title="Run the draft (Ctrl+Enter)"
        disabled={starting.isPending}
        onClick={ask}
      >
        Run
      </Button>
      {open === 'input' ? (
        <RunDialog
          pipelineId={pipelineId}
          document={document}
          catalogue={bench.catalogue}
          onRun={start}
          onClose={() => setOpen('no')}
        />
      ) : null}
      {open === 'problems' ? (
        <ProblemsList
          bench={bench}
          title="Not ready to run"
          description="These must be solved first."
          problems={problems}
          onClose={() => setOpen('no')}
        />
      ) : null}
    </>
  );
}
