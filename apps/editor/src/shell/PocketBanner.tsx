import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Info, X } from 'lucide-react';
import { useState } from 'react';
import { connections } from '../api/resources.ts';
import css from './shell.module.css';

const KEY = 'switchyard.pocket-banner';

/** The model id of the small model that ships with the product. */
const POCKET = 'pocket';

/** Says what pocket is while it is the default model, and offers a larger one. Closed for this session on request. */
export function PocketBanner() {
  const { data } = useQuery({ queryKey: ['connections'], queryFn: connections });
  const [closed, setClosed] = useState(() => sessionStorage.getItem(KEY) !== null);
  const isPocket = data?.find((connection) => connection.isDefault)?.modelId === POCKET;
  if (!isPocket || closed) return null;
  const close = (): void => {
    sessionStorage.setItem(KEY, 'closed');
    setClosed(true);
  };
  return (
    <div className={css.banner} role="note">
      <Info size={15} aria-hidden />
      <p>
        Agent steps use <strong>pocket</strong>, a small demonstration model that ships with Switchyard. It solves the
        ready pipelines and little else.
      </p>
      <Link to="/settings/models" search={{ add: true }}>
        Connect a larger model
      </Link>
      <button type="button" aria-label="Hide this note" onClick={close}>
        <X size={14} />
      </button>
    </div>
  );
}
