import { Handle, type NodeProps, Position } from '@xyflow/react';
import { TriangleAlert } from 'lucide-react';
import { memo } from 'react';
import { titleOf } from '../document/node-types.ts';
import { inputPorts, outputPorts } from '../document/ports.ts';
import { useNodeStatus } from '../live/run-store.ts';
import { StateMark } from '../ui/StateMark.tsx';
import css from './canvas.module.css';
import { outputTop, type StepNode } from './flow.ts';
import { TypeIcon } from './icons.tsx';
import { useCanvas, useProblems } from './surroundings.ts';

/** A step on the canvas: icon, title, type, and what it is doing in the shown run. */
export const StepCard = memo(function StepCard({ data: { node }, selected }: NodeProps<StepNode>) {
  const { catalogue } = useCanvas();
  const type = catalogue.byId.get(node.type);
  const title = titleOf(node, catalogue);
  const status = useNodeStatus(node.id);
  const problems = useProblems((state) => state.byNode[node.id]);
  const outputs = outputPorts(catalogue, node);
  return (
    <>
      <div
        className={css.card}
        data-selected={selected}
        data-state={status?.state ?? 'none'}
        data-testid={`node-${node.id}`}
      >
        <div className={css.cardHead}>
          <span className={css.cardIcon} data-group={type?.group ?? 'flow'}>
            <TypeIcon name={type?.icon ?? ''} size={18} />
          </span>
          <span className={css.cardText}>
            <span className={css.cardTitle}>{title}</span>
            <span className={css.cardType}>
              {status === undefined ? (
                title === type?.title ? (
                  node.id
                ) : (
                  (type?.title ?? node.type)
                )
              ) : (
                <>
                  <StateMark state={status.state} />
                  {status.note === null ? null : <span className={css.cardNote}>{status.note}</span>}
                </>
              )}
            </span>
          </span>
          {problems === undefined ? null : (
            <span className={css.cardProblems} title={problems.map((problem) => problem.message).join('\n')}>
              <TriangleAlert size={13} aria-hidden />
              <span className="visually-hidden">
                {problems.length} problem{problems.length === 1 ? '' : 's'}
              </span>
            </span>
          )}
        </div>
      </div>
      {inputPorts(catalogue, node).map((port) => (
        <Handle
          key={port.name}
          id={port.name}
          type="target"
          position={Position.Left}
          className={css.handle}
          style={{ top: 32 }}
          aria-label={`Input of ${title}`}
          data-testid={`input-${node.id}`}
        />
      ))}
      {outputs.map((port, index) => (
        <OutputPort
          key={port.name}
          port={port}
          title={title}
          nodeId={node.id}
          top={outputTop(index, outputs.length)}
          named={outputs.length > 1}
        />
      ))}
    </>
  );
});

type PortProps = {
  readonly port: { readonly name: string; readonly title: string };
  readonly title: string;
  readonly nodeId: string;
  readonly top: number;
  readonly named: boolean;
};

function OutputPort({ port, title, nodeId, top, named }: PortProps) {
  return (
    <>
      {named ? (
        <span className={css.portName} data-port={port.name} style={{ top: top - 10 }}>
          {port.title}
        </span>
      ) : null}
      <Handle
        id={port.name}
        type="source"
        position={Position.Right}
        className={css.handle}
        data-port={port.name}
        style={{ top }}
        aria-label={named ? `Output ${port.title} of ${title}` : `Output of ${title}`}
        data-testid={`output-${nodeId}-${port.name}`}
      />
    </>
  );
}
