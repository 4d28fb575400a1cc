import type { ButtonHTMLAttributes, ReactNode } from 'react';
import css from './ui.module.css';

type Props = ButtonHTMLAttributes<HTMLButtonElement> & {
  readonly tone?: 'plain' | 'primary' | 'danger' | 'quiet';
  readonly icon?: ReactNode;
};

/** A button with words. `primary` is the one thing a page is for. */
export function Button({ tone = 'plain', icon, children, className, ...rest }: Props) {
  return (
    <button type="button" className={`${css.button} ${className ?? ''}`} data-tone={tone} {...rest}>
      {icon}
      {children}
    </button>
  );
}

type IconProps = ButtonHTMLAttributes<HTMLButtonElement> & { readonly label: string; readonly shortcut?: string };

/** A button that is only an icon. `label` is its accessible name and its tooltip. */
export function IconButton({ label, shortcut, children, className, ...rest }: IconProps) {
  return (
    <button
      type="button"
      className={`${css.iconButton} ${className ?? ''}`}
      aria-label={label}
      title={shortcut === undefined ? label : `${label} (${shortcut})`}
      {...rest}
    >
      {children}
    </button>
  );
}
