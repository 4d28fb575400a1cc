import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useSearch } from '@tanstack/react-router';
import { Boxes, Plus } from 'lucide-react';
import { useEffect, useState } from 'react';
import { type Connection, connections, deleteConnection, makeDefault, testConnection } from '../api/resources.ts';
import listCss from '../runs/lists.module.css';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { Empty, Skeleton, Trouble } from '../ui/Empty.tsx';
import { notifyError } from '../ui/notices.tsx';
import { ConnectionForm } from './ConnectionForm.tsx';
import css from './settings.module.css';

/** `/settings/models`: the models that agent steps can use. */
export function ModelsPage() {
  const { add } = useSearch({ from: '/settings/models' });
  const [editing, setEditing] = useState<Connection | 'new' | null>(add === true ? 'new' : null);
  const [deleting, setDeleting] = useState<Connection | null>(null);
  const list = useQuery({ queryKey: ['connections'], queryFn: connections });
  useEffect(() => {
    document.title = 'Models · Switchyard';
  }, []);
  const rows = list.data ?? [];
  return (
    <div className={listCss.listPage}>
      <header className={listCss.listHeader}>
        <div>
          <h1>Models</h1>
          <p className={css.lead}>
            Agent steps and API clients use these. Any server that speaks the OpenAI chat protocol can be connected.
          </p>
        </div>
        <Button tone="primary" icon={<Plus size={15} />} onClick={() => setEditing('new')}>
          Add connection
        </Button>
      </header>
      <div className={listCss.listBody}>
        {list.error === null ? null : <Trouble error={list.error} retry={() => void list.refetch()} />}
        {list.isPending ? <Skeleton rows={2} /> : null}
        {list.isSuccess && rows.length === 0 ? (
          <Empty icon={<Boxes size={22} />} title="No model yet" text="Connect one to let agent steps think." />
        ) : null}
        <ul className={css.cards}>
          {rows.map((row) => (
            <ConnectionCard
              key={row.id}
              connection={row}
              onEdit={() => setEditing(row)}
              onDelete={() => setDeleting(row)}
            />
          ))}
        </ul>
      </div>
      {editing === null ? null : (
        <ConnectionForm connection={editing === 'new' ? null : editing} onClose={() => setEditing(null)} />
      )}
      {deleting === null ? null : <DeleteDialog connection={deleting} onClose={() => setDeleting(null)} />}
    </div>
  );
}

type CardProps = { readonly connection: Connection; readonly onEdit: () => void; readonly onDelete: () => void };

function ConnectionCard({ connection, onEdit, onDelete }: CardProps) {
  const client = useQueryClient();
  const testing = useMutation({ mutationFn: () => testConnection(connection.id) });
  const choosing = useMutation({
    mutationFn: () => makeDefault(connection.id),
    onSuccess: () => client.invalidateQueries({ queryKey: ['connections'] }),
    onError: notifyError,
  });
  return (
    <li className={css.card} data-testid={`connection-${connection.name}`}>
      <div className={css.cardMain}>
        <h2>
          {connection.name}
          {connection.isDefault ? <span className={css.badge}>Default</span> : null}
        </h2>
        <p className={css.facts}>
          <code>{connection.modelId}</code>
          <span>{connection.baseUrl}</span>
          <span>{connection.dialect === 'kimi' ? 'Kimi K2 dialect' : 'OpenAI dialect'}</span>
          <span>{connection.hasKey ? 'key set' : 'no key'}</span>
        </p>
        <TestResult pending={testing.isPending} result={testing.data} error={testing.error} />
      </div>
      <div className={css.cardActions}>
        <Button disabled={testing.isPending} onClick={() => testing.mutate()}>
          Test
        </Button>
        {connection.isDefault ? null : (
          <Button disabled={choosing.isPending} onClick={() => choosing.mutate()}>
            Make default
          </Button>
        )}
        <Button tone="quiet" onClick={onEdit}>
          Edit
        </Button>
        {connection.isDefault ? null : (
          <Button tone="quiet" onClick={onDelete}>
            Delete
          </Button>
        )}
      </div>
    </li>
  );
}

type ResultProps = {
  readonly pending: boolean;
  readonly result: { readonly ok: boolean; readonly message?: string; readonly ms?: number } | undefined;
  readonly error: Error | null;
};

function TestResult({ pending, result, error }: ResultProps) {
  if (pending) return <p role="status">Asking the model…</p>;
  if (error !== null)
    return (
      <p className={css.bad} role="status">
        {error.message}
      </p>
    );
  if (result === undefined) return null;
  return (
    <p className={result.ok ? css.good : css.bad} role="status">
      {result.message ?? (result.ok ? 'It answers.' : 'It does not answer.')}
      {result.ms === undefined ? '' : ` (${Math.round(result.ms)} ms)`}
    </p>
  );
}

function DeleteDialog({ connection, onClose }: { readonly connection: Connection; readonly onClose: () => void }) {
  const client = useQueryClient();
  const deleting = useMutation({
    mutationFn: () => deleteConnection(connection.id),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ['connections'] });
      onClose();
    },
    onError: notifyError,
  });
  return (
    <Dialog
      title={`Delete “${connection.name}”?`}
      description="Agent steps that name it will fail until they name another one."
      onClose={onClose}
      actions={
        <>
          <Button autoFocus onClick={onClose}>
            Keep it
          </Button>
          <Button tone="danger" disabled={deleting.isPending} onClick={() => deleting.mutate()}>
            Delete connection
          </Button>
        </>
      }
    >
      {null}
    </Dialog>
  );
}
