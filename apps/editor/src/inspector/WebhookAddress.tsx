import { CopyButton } from '../ui/CopyButton.tsx';
import css from './inspector.module.css';

/** The address that starts a run of the published pipeline. */
export function WebhookAddress({ token }: { readonly token: unknown }) {
  if (typeof token !== 'string' || token === '') return null;
  const address = `${window.location.origin}/hooks/${token}`;
  return (
    <div className={css.address}>
      <span>Address, once published</span>
      <code>POST {address}</code>
      <CopyButton text={address} label="Copy address" />
    </div>
  );
}
