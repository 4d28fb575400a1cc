import { isOver, type Node, nodeOfStep, type RunState, type StepState } from '@switchyard/pipeline';
import { useMemo } from 'react';
import { TypeIcon } from '../canvas/icons.tsx';
import { type Catalogue, titleOf } from '../document/node-types.ts';
import { type RunFeed, statusOf, useFeed } from '../live/run-feed.ts';
import { type ShownState, StateMark } from '../ui/StateMark.tsx';
import { between, duration } from './duration.ts';
import { drawnSteps, stepsByNode } from './iterations.ts';
import css from './runs.module.css';
import { useNow } from './use-now.ts';

type Props = {
  readonly feed: RunFeed;
  readonly catalogue: Catalogue;
  readonly selected?: string | null;
  readonly onStep: (node: string) => void;
};

/** `steps`: of a node in a loop one for each iteration that is still known, else one at most. `step`: the newest. */
type Row = {
  readonly node: Node;
  readonly steps: readonly StepState[];
  readonly step: StepState | null;
  readonly state: ShownState | null;
};

/** The steps of a run as rows on one time scale, in the order they began; those that have not begun come last. */
export function Waterfall({ feed, catalogue, selected = null, onStep }: Props) {
  const run = useFeed(feed, (state) => state.run);
  const document = useFeed(feed, (state) => state.detail?.revision.document);
  const time = useNow(!isOver(run));
  const rows = useMemo(() => (document === undefined ? [] : rowsOf(document.nodes, run)), [document, run]);
  const total = run.startedAt === null ? 1 : Math.max(1, between(run.startedAt, run.finishedAt, time));
  return (
    <ol className={css.waterfall} aria-label="Steps">
      {rows.map(({ node, steps, step, state }) => (
        <li key={node.id}>
          <button
            type="button"
            className={css.step}
            aria-current={selected !== null && nodeOfStep(selected) === node.id}
            data-testid={`step-${node.id}`}
            onClick={() => onStep(node.id)}
          >
            <span className={css.stepIcon} data-group={catalogue.byId.get(node.type)?.group ?? 'flow'}>
              <TypeIcon name={catalogue.byId.get(node.type)?.icon ?? ''} size={14} />
            </span>
            <span className={css.stepName}>{titleOf(node, catalogue)}</span>
            <span className={css.lane}>
              {drawnSteps(steps).map((one) => (
                <Bar key={one.key} step={one} run={run} total={total} time={time} />
              ))}
            </span>
            <span className={css.stepTime}>
              {step?.startedAt == null ? '' : duration(between(step.startedAt, step.finishedAt, time))}
            </span>
            <span className={css.stepState}>{state === null ? null : <StateMark state={state} quiet />}</span>
          </button>
        </li>
      ))}
    </ol>
  );
}

function rowsOf(nodes: readonly Node[], run: RunState): readonly Row[] {
  const begun = (step: StepState | null): number =>
    step?.startedAt == null ? Number.POSITIVE_INFINITY : Date.parse(step.startedAt);
  const known = stepsByNode(run);
  const row = (node: Node): Row => {
    if (run.trigger?.node === node.id) return { node, steps: [], step: null, state: 'succeeded' };
    const steps = known.get(node.id) ?? [];
    const step = steps.at(-1) ?? null;
    return { node, steps, step, state: step === null ? null : statusOf(step).state };
  };
  const rank = ({ node, steps }: Row): number =>
    run.trigger?.node === node.id ? Number.NEGATIVE_INFINITY : begun(steps[0] ?? null);
  return nodes.map(row).sort((a, b) => (rank(a) === rank(b) ? 0 : rank(a) - rank(b)));
}

function Bar({
  step,
  run,
  total,
  time,
}: {
  readonly step: StepState;
  readonly run: RunState;
  readonly total: number;
  readonly time: number;
}) {
  if (step.startedAt === null || run.startedAt === null) return null;
  const left = (between(run.startedAt, step.startedAt, time) / total) * 100;
  const width = (between(step.startedAt, step.finishedAt, time) / total) * 100;
  return (
    <span
      className={css.bar}
      data-state={statusOf(step).state}
      style={{ left: `${Math.min(left, 99)}%`, width: `max(3px, ${Math.min(width, 100 - left)}%)` }}
    />
  );
}
