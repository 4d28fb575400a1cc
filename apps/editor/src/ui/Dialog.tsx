import { Dialog as Radix } from 'radix-ui';
import type { ReactNode } from 'react';
import css from './ui.module.css';

type Props = {
  readonly title: string;
  readonly description?: string;
  readonly wide?: boolean;
  readonly onClose: () => void;
  readonly children: ReactNode;
  readonly actions?: ReactNode;
};

/** A modal dialog, open as long as it is rendered. Escape and a click outside call `onClose`. */
export function Dialog({ title, description, wide = false, onClose, children, actions }: Props) {
  return (
    <Radix.Root open onOpenChange={(open) => (open ? undefined : onClose())}>
      <Radix.Portal>
        <Radix.Overlay className={css.overlay} />
        <Radix.Content
          className={css.dialog}
          data-wide={wide}
          {...(description === undefined ? { 'aria-describedby': undefined } : {})}
        >
          <Radix.Title className={css.dialogTitle}>{title}</Radix.Title>
          {description === undefined ? null : (
            <Radix.Description className={css.dialogText}>{description}</Radix.Description>
          )}
          <div className={css.dialogBody}>{children}</div>
          {actions === undefined ? null : <div className={css.dialogActions}>{actions}</div>}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
