import { BaseEdge, type Edge, EdgeLabelRenderer, type EdgeProps, getBezierPath } from '@xyflow/react';
import { Plus } from 'lucide-react';
import { memo } from 'react';
import { useStatuses } from '../live/run-store.ts';
import css from './canvas.module.css';
import { useCanvas } from './surroundings.ts';

/** An edge. It is marked while its target runs, tinted where the run passed, and offers "+" when it is selected. */
export const Wire = memo(function Wire({
  id,
  source,
  target,
  sourceX,
  sourceY,
  targetX,
  targetY,
  sourcePosition,
  targetPosition,
  selected,
}: EdgeProps<Edge>) {
  const { readOnly, insertOn } = useCanvas();
  const state = useStatuses(({ byNode }) => wireState(byNode[source]?.state, byNode[target]?.state));
  const [path, x, y] = getBezierPath({ sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition });
  return (
    <>
      <g className={css.wire} data-state={state} data-selected={selected ?? false}>
        <BaseEdge path={path} interactionWidth={20} />
      </g>
      {selected === true && !readOnly ? (
        <EdgeLabelRenderer>
          <button
            type="button"
            className={`${css.insert} nodrag nopan`}
            style={{ transform: `translate(-50%, -50%) translate(${x}px, ${y}px)` }}
            aria-label="Insert a step here"
            title="Insert a step here"
            onClick={() => insertOn(id)}
          >
            <Plus size={14} />
          </button>
        </EdgeLabelRenderer>
      ) : null}
    </>
  );
});

function wireState(source: string | undefined, target: string | undefined): 'rest' | 'running' | 'passed' | 'dead' {
  if (target === 'running' && source === 'succeeded') return 'running';
  if (target === 'skipped') return 'dead';
  return source === 'succeeded' && target !== undefined && target !== 'queued' ? 'passed' : 'rest';
}
