import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Plus, Trash2 } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { credentials, deleteCredential, saveCredential } from '../api/resources.ts';
import form from '../form/form.module.css';
import { ago } from '../runs/duration.ts';
import { now } from '../system.ts';
import { Button, IconButton } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { notifyError } from '../ui/notices.tsx';
import css from './settings.module.css';

/** Secrets that HTTP nodes name, so that none stands in a pipeline. */
export function CredentialList() {
  const client = useQueryClient();
  const list = useQuery({ queryKey: ['credentials'], queryFn: credentials });
  const [adding, setAdding] = useState(false);
  const removing = useMutation({
    mutationFn: deleteCredential,
    onSuccess: () => client.invalidateQueries({ queryKey: ['credentials'] }),
    onError: notifyError,
  });
  return (
    <section className={css.section}>
      <div className={css.sectionHead}>
        <h2>Credentials</h2>
        <Button icon={<Plus size={14} />} onClick={() => setAdding(true)}>
          New credential
        </Button>
      </div>
      <p className={css.lead}>HTTP nodes name a credential; its header is sent to its own hosts and to no other.</p>
      <ul className={css.keys}>
        {(list.data ?? []).map(({ id, name, createdAt }) => (
          <li key={id}>
            <strong>{name}</strong>
            <span>stored {ago(createdAt, now())}</span>
            <IconButton label={`Delete credential ${name}`} onClick={() => removing.mutate(name)}>
              <Trash2 size={15} />
            </IconButton>
          </li>
        ))}
        {list.data?.length === 0 ? <li>No credentials yet.</li> : null}
      </ul>
      {adding ? <CredentialDialog onClose={() => setAdding(false)} /> : null}
    </section>
  );
}

const BLANK = { name: '', header: 'Authorization', value: '', hosts: '' };
const FIELDS = [
  { key: 'name', label: 'Name', example: 'orders-api', type: 'text' },
  { key: 'header', label: 'Header', example: 'Authorization', type: 'text' },
  { key: 'value', label: 'Value', example: 'Bearer …', type: 'password' },
  { key: 'hosts', label: 'Hosts', example: 'api.example.com', type: 'text' },
] as const;

const wordsIn = (text: string): readonly string[] =>
  text
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((word) => word !== '');

function CredentialDialog({ onClose }: { readonly onClose: () => void }) {
  const client = useQueryClient();
  const [input, setInput] = useState(BLANK);
  const saving = useMutation({
    mutationFn: () =>
      saveCredential(input.name, { header: input.header, value: input.value, hosts: wordsIn(input.hosts) }),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ['credentials'] });
      onClose();
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    saving.mutate();
  };
  return (
    <Dialog
      title="New credential"
      description="Stored sealed; its value is never shown again. The same name replaces it."
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button tone="primary" type="submit" form="credential-form" disabled={saving.isPending}>
            Store
          </Button>
        </>
      }
    >
      <form id="credential-form" className={form.group} onSubmit={submit}>
        {FIELDS.map(({ key, label, example, type }) => (
          <label key={key} className={form.field}>
            <span className={form.label}>{label}</span>
            <input
              className={form.input}
              type={type}
              placeholder={example}
              required
              autoComplete="off"
              value={input[key]}
              onChange={(event) => setInput({ ...input, [key]: event.target.value })}
            />
          </label>
        ))}
        {saving.error === null ? null : (
          <p className={form.problem} role="alert">
            {saving.error.message}
          </p>
        )}
      </form>
    </Dialog>
  );
}
