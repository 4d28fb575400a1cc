import type { ReactNode } from 'react';
import css from './ui.module.css';

/** What stands where nothing is yet: what will be here, and the one thing to do about it. */
export function Empty({
  icon,
  title,
  text,
  children,
}: {
  readonly icon: ReactNode;
  readonly title: string;
  readonly text: string;
  readonly children?: ReactNode;
}) {
  return (
    <div className={css.empty}>
      <span className={css.emptyIcon} aria-hidden>
        {icon}
      </span>
      <h2>{title}</h2>
      <p>{text}</p>
      {children === undefined ? null : <div className={css.emptyActions}>{children}</div>}
    </div>
  );
}

/** Why something could not be shown, and a way on. */
export function Trouble({ error, retry }: { readonly error: Error; readonly retry?: () => void }) {
  return (
    <div className={css.trouble} role="alert">
      <strong>{error.message}</strong>
      {'hint' in error && typeof error.hint === 'string' ? <p>{error.hint}</p> : null}
      {retry === undefined ? null : (
        <button type="button" className={css.button} data-tone="plain" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** Rows in the shape of what is coming, for waits over a moment. */
export function Skeleton({ rows = 4 }: { readonly rows?: number }) {
  return (
    <div className={css.skeleton} aria-busy="true">
      <span className="visually-hidden">Loading</span>
      {Array.from({ length: rows }, (_, row) => `row ${row}`).map((row) => (
        <i key={row} />
      ))}
    </div>
  );
}
