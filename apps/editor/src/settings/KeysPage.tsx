import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Plus, Trash2 } from 'lucide-react';
import { useEffect, useState } from 'react';
import { apiKeys, connections, createKey, deleteKey, session } from '../api/resources.ts';
import form from '../form/form.module.css';
import { ago } from '../runs/duration.ts';
import listCss from '../runs/lists.module.css';
import { now } from '../system.ts';
import { Button, IconButton } from '../ui/Button.tsx';
import { CopyButton } from '../ui/CopyButton.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { Trouble } from '../ui/Empty.tsx';
import { notifyError } from '../ui/notices.tsx';
import { CredentialList } from './CredentialList.tsx';
import css from './settings.module.css';
import { LANGUAGES, type Language, snippet } from './snippet.ts';

/** `/settings/keys`: one base URL and one key for every OpenAI client. */
export function KeysPage() {
  const me = useQuery({ queryKey: ['session'], queryFn: session });
  useEffect(() => {
    document.title = 'API keys · Switchyard';
  }, []);
  return (
    <div className={listCss.listPage}>
      <header className={listCss.listHeader}>
        <div>
          <h1>API</h1>
          <p className={css.lead}>
            Any OpenAI client can use your models through Switchyard: change the base URL and the key, nothing else.
          </p>
        </div>
      </header>
      <div className={listCss.listBody}>
        {me.error === null ? null : <Trouble error={me.error} retry={() => void me.refetch()} />}
        {me.data === undefined ? null : <Endpoints localKey={me.data.key} />}
        <KeyList />
        <CredentialList />
      </div>
    </div>
  );
}

function Endpoints({ localKey }: { readonly localKey: string | null }) {
  const { data } = useQuery({ queryKey: ['connections'], queryFn: connections });
  const [language, setLanguage] = useState<Language>('curl');
  const [shown, setShown] = useState(false);
  const baseUrl = `${window.location.origin}/v1`;
  const model = data?.find((connection) => connection.isDefault)?.modelId ?? 'pocket';
  const key = localKey ?? 'YOUR_KEY';
  return (
    <section className={css.section}>
      <dl className={css.pairs}>
        <dt>Base URL</dt>
        <dd>
          <code>{baseUrl}</code>
          <CopyButton label="Copy base URL" text={baseUrl} />
        </dd>
        <dt>Local key</dt>
        <dd>
          {localKey === null ? (
            <span>Make a key below.</span>
          ) : (
            <>
              <code>{shown ? localKey : `${localKey.slice(0, 6)}${'•'.repeat(16)}`}</code>
              <Button tone="quiet" onClick={() => setShown(!shown)}>
                {shown ? 'Hide' : 'Show'}
              </Button>
              <CopyButton label="Copy key" text={localKey} />
            </>
          )}
        </dd>
      </dl>
      <div className={css.snippet}>
        <div className={css.snippetHead} role="tablist" aria-label="Language">
          {LANGUAGES.map((name) => (
            <button
              key={name}
              type="button"
              role="tab"
              aria-selected={name === language}
              onClick={() => setLanguage(name)}
            >
              {name}
            </button>
          ))}
          <CopyButton label="Copy snippet" text={() => snippet(language, { baseUrl, key, model })} />
        </div>
        <pre>
          {snippet(language, { baseUrl, key: shown || localKey === null ? key : `${key.slice(0, 6)}…`, model })}
        </pre>
      </div>
    </section>
  );
}

function KeyList() {
  const client = useQueryClient();
  const list = useQuery({ queryKey: ['keys'], queryFn: apiKeys });
  const [adding, setAdding] = useState(false);
  const removing = useMutation({
    mutationFn: deleteKey,
    onSuccess: () => client.invalidateQueries({ queryKey: ['keys'] }),
    onError: notifyError,
  });
  return (
    <section className={css.section}>
      <div className={css.sectionHead}>
        <h2>Keys</h2>
        <Button icon={<Plus size={14} />} onClick={() => setAdding(true)}>
          New key
        </Button>
      </div>
      <ul className={css.keys}>
        {(list.data ?? []).map((key) => (
          <li key={key.id}>
            <strong>{key.name}</strong>
            <span>made {ago(key.createdAt, now())}</span>
            <IconButton label={`Delete key ${key.name}`} onClick={() => removing.mutate(key.id)}>
              <Trash2 size={15} />
            </IconButton>
          </li>
        ))}
        {list.data?.length === 0 ? <li>No keys of your own yet.</li> : null}
      </ul>
      {adding ? <NewKeyDialog onClose={() => setAdding(false)} /> : null}
    </section>
  );
}

function NewKeyDialog({ onClose }: { readonly onClose: () => void }) {
  const client = useQueryClient();
  const [name, setName] = useState('');
  const making = useMutation({
    mutationFn: () => createKey(name),
    onSuccess: () => client.invalidateQueries({ queryKey: ['keys'] }),
    onError: notifyError,
  });
  const made = making.data?.key;
  return (
    <Dialog
      title="New API key"
      {...(made === undefined ? {} : { description: 'Copy it now: it is not shown again.' })}
      onClose={onClose}
      actions={
        made === undefined ? (
          <>
            <Button onClick={onClose}>Cancel</Button>
            <Button tone="primary" disabled={name === '' || making.isPending} onClick={() => making.mutate()}>
              Make key
            </Button>
          </>
        ) : (
          <Button tone="primary" onClick={onClose}>
            Done
          </Button>
        )
      }
    >
      {made === undefined ? (
        <label className={form.field}>
          <span className={form.label}>Name</span>
          <input
            className={form.input}
            autoFocus
            value={name}
            placeholder="my laptop"
            onChange={(event) => setName(event.target.value)}
          />
        </label>
      ) : (
        <div className={css.newKey}>
          <code>{made}</code>
          <CopyButton label="Copy key" text={made} />
        </div>
      )}
    </Dialog>
  );
}
