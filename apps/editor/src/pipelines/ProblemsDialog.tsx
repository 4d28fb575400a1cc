import type { Problem } from '@switchyard/pipeline';
import { CircleX, TriangleAlert } from 'lucide-react';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import css from './editor.module.css';

type Props = {
  readonly title: string;
  readonly description?: string;
  readonly problems: readonly Problem[];
  readonly nameOf: (id: string) => string;
  readonly onJump: (node: string) => void;
  readonly onClose: () => void;
};

/** What is wrong with the draft, each line leading to its step. */
export function ProblemsDialog({ title, description, problems, nameOf, onJump, onClose }: Props) {
  return (
    <Dialog
      title={title}
      {...(description === undefined ? {} : { description })}
      onClose={onClose}
      actions={<Button onClick={onClose}>Close</Button>}
    >
      {problems.length === 0 ? <p>No problems.</p> : null}
      <ul className={css.problems}>
        {problems.map((problem) => (
          <li key={`${problem.code} ${problem.node} ${problem.edge} ${problem.path?.join('.')} ${problem.message}`}>
            <button
              type="button"
              disabled={problem.node === undefined}
              onClick={() => (problem.node === undefined ? undefined : onJump(problem.node))}
            >
              <span className={css.problemIcon} data-severity={problem.severity}>
                {problem.severity === 'error' ? (
                  <CircleX size={16} aria-label="Error" />
                ) : (
                  <TriangleAlert size={16} aria-label="Warning" />
                )}
              </span>
              <span>
                {problem.node === undefined ? null : <strong>{nameOf(problem.node)}: </strong>}
                {problem.message}
                {problem.hint === undefined ? null : <span className={css.hint}>{problem.hint}</span>}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
