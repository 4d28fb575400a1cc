import { createElement, Fragment, type ReactNode } from 'react';
import { useForm } from './context.ts';
import css from './form.module.css';
import type { Field } from './schema.ts';

type Props = {
  readonly field: Field;
  readonly path: string;
  readonly children: ReactNode;
  readonly localProblem?: string | null;
};

/** The id of the control at a path, for its label. */
export const controlId = (form: string, path: string): string => `${form}-${path.replace(/\W/g, '-')}`;

/** Text with `code` in it. */
const withCode = (text: string): ReactNode =>
  createElement(
    Fragment,
    null,
    ...text.split(/`([^`]+)`/).map((part, index) => (index % 2 === 1 ? createElement('code', null, part) : part)),
  );

/** Label, control, help and problems of one field. */
export function FieldFrame({ field, path, children, localProblem = null }: Props) {
  const form = useForm();
  const problems = localProblem === null ? form.problemsAt(path) : [localProblem];
  const id = controlId(form.id, path);
  return (
    <div className={css.field} data-bad={problems.length > 0}>
      <label htmlFor={id} className={css.label}>
        {field.title}
        {field.required ? <span className={css.required} aria-hidden title="Required" /> : null}
      </label>
      {children}
      {problems.map((problem) => (
        <p key={problem} className={css.problem} role="alert">
          {problem}
        </p>
      ))}
      {field.help === '' ? null : (
        <p className={css.help} id={`${id}-help`}>
          {withCode(field.help)}
        </p>
      )}
    </div>
  );
}
