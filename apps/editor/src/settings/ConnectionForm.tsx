import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, type HTMLInputTypeAttribute, useState } from 'react';
import { type Connection, type ConnectionInput, saveConnection } from '../api/resources.ts';
import form from '../form/form.module.css';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';

const BLANK: ConnectionInput = { name: '', baseUrl: '', modelId: '', dialect: 'openai' };

/** Adds a model connection or changes one. The stored key is never shown; an empty field keeps it. */
export function ConnectionForm({
  connection,
  onClose,
}: {
  readonly connection: Connection | null;
  readonly onClose: () => void;
}) {
  const client = useQueryClient();
  const [input, setInput] = useState<ConnectionInput>(
    connection === null
      ? BLANK
      : {
          name: connection.name,
          baseUrl: connection.baseUrl,
          modelId: connection.modelId,
          dialect: connection.dialect,
        },
  );
  const saving = useMutation({
    mutationFn: () => saveConnection(connection?.id ?? null, input),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ['connections'] });
      onClose();
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    saving.mutate();
  };
  return (
    <Dialog
      title={connection === null ? 'Connect a model' : `Edit “${connection.name}”`}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button tone="primary" type="submit" form="connection-form" disabled={saving.isPending}>
            {connection === null ? 'Add connection' : 'Save'}
          </Button>
        </>
      }
    >
      <form id="connection-form" className={form.group} onSubmit={submit}>
        <ConnectionFields input={input} hasKey={connection?.hasKey === true} onChange={setInput} />
        {saving.error === null ? null : (
          <p className={form.problem} role="alert">
            {saving.error.message}
          </p>
        )}
      </form>
    </Dialog>
  );
}

type FieldsProps = {
  readonly input: ConnectionInput;
  readonly hasKey: boolean;
  readonly onChange: (input: ConnectionInput) => void;
};

function ConnectionFields({ input, hasKey, onChange }: FieldsProps) {
  const text = (name: 'name' | 'baseUrl' | 'modelId') => ({
    value: input[name],
    onChange: (value: string) => onChange({ ...input, [name]: value }),
  });
  return (
    <>
      <TextRow
        label="Name"
        help="How agent steps and API clients call it."
        placeholder="kimi-k2-thinking"
        required
        {...text('name')}
      />
      <TextRow
        label="Base URL"
        help="Up to and including /v1."
        placeholder="https://models.example.com/v1"
        type="url"
        required
        {...text('baseUrl')}
      />
      <TextRow
        label="Model id"
        help="What that server calls the model."
        placeholder="moonshotai/Kimi-K2-Thinking"
        required
        {...text('modelId')}
      />
      <TextRow
        label="API key"
        help={hasKey ? 'Empty keeps the stored key.' : 'Stored sealed; never shown again.'}
        placeholder={hasKey ? '••••••••' : ''}
        type="password"
        value={input.apiKey ?? ''}
        onChange={(value) => {
          const { apiKey: _old, ...rest } = input;
          onChange(value === '' ? rest : { ...rest, apiKey: value });
        }}
      />
      <label className={form.field}>
        <span className={form.label}>Dialect</span>
        <select
          className={form.input}
          value={input.dialect}
          onChange={(event) => onChange({ ...input, dialect: event.target.value === 'kimi' ? 'kimi' : 'openai' })}
        >
          <option value="kimi">Kimi K2 (thoughts are sent back)</option>
          <option value="openai">OpenAI</option>
        </select>
      </label>
    </>
  );
}

type RowProps = {
  readonly label: string;
  readonly help: string;
  readonly placeholder: string;
  readonly type?: HTMLInputTypeAttribute;
  readonly required?: boolean;
  readonly value: string;
  readonly onChange: (value: string) => void;
};

function TextRow({ label, help, placeholder, type = 'text', required = false, value, onChange }: RowProps) {
  return (
    <label className={form.field}>
      <span className={form.label}>{label}</span>
      <input
        className={form.input}
        type={type}
        placeholder={placeholder}
        required={required}
        autoComplete="off"
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
      <span className={form.help}>{help}</span>
    </label>
  );
}
