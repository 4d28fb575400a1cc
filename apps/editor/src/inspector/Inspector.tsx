import type { Node } from '@switchyard/pipeline';
import { useQuery } from '@tanstack/react-query';
import { Copy, Trash2 } from 'lucide-react';
import { useMemo } from 'react';
import { connections } from '../api/resources.ts';
import { duplicateSelected, removeSelected, type Workbench } from '../canvas/actions.ts';
import { TypeIcon } from '../canvas/icons.tsx';
import { useProblems } from '../canvas/surroundings.ts';
import { useDraftPart } from '../document/draft-store.ts';
import { changeNode } from '../document/edits.ts';
import { titleOf } from '../document/node-types.ts';
import { type FormContext, FormSurroundings } from '../form/context.ts';
import { SchemaField } from '../form/SchemaField.tsx';
import { type Field, fieldsOf, type Json, withValue } from '../form/schema.ts';
import { IconButton } from '../ui/Button.tsx';
import { ErrorPolicy } from './ErrorPolicy.tsx';
import css from './inspector.module.css';
import { WebhookAddress } from './WebhookAddress.tsx';
import { Wires } from './Wires.tsx';

/** The form of one step: name, config by its type's schema, what happens on failure, and its connections. */
export function Inspector({ bench, nodeId }: { readonly bench: Workbench; readonly nodeId: string }) {
  const node = useDraftPart((state) => state.document.nodes.find((other) => other.id === nodeId));
  if (node === undefined) return null;
  return <NodeForm key={nodeId} bench={bench} node={node} />;
}

function NodeForm({ bench, node }: { readonly bench: Workbench; readonly node: Node }) {
  const type = bench.catalogue.byId.get(node.type);
  const fields = useMemo(() => (type === undefined ? [] : fieldsOf(type.config)), [type]);
  const form = useFormContext(node.id);
  const title = titleOf(node, bench.catalogue);
  const set = (field: Field, value: Json | undefined): void =>
    bench.draft.edit(
      { label: `change ${field.title} of ${title}`, mergeKey: `field:${node.id}:${field.name}` },
      (document) =>
        changeNode(document, node.id, (old) => ({ ...old, config: withValue(old.config, field.name, value) })),
    );
  const [plain, advanced] = [fields.filter((field) => !field.advanced), fields.filter((field) => field.advanced)];
  const draw = (field: Field) => (
    <SchemaField
      key={field.name}
      field={field}
      path={field.name}
      value={node.config[field.name]}
      onChange={(value) => set(field, value)}
    />
  );
  return (
    <FormSurroundings value={form}>
      <NodeHead bench={bench} node={node} />
      <div className={css.body}>
        {type === undefined ? (
          <p className={css.problem}>This editor does not know the node type “{node.type}”.</p>
        ) : (
          <p className={css.help}>{plainHelp(type.help)}</p>
        )}
        <OtherProblems nodeId={node.id} fields={fields} />
        {node.type === 'trigger.webhook' ? <WebhookAddress token={node.config.token} /> : null}
        {plain.map(draw)}
        {advanced.length === 0 ? null : (
          <details className={css.more}>
            <summary>More settings</summary>
            <div className={css.moreBody}>{advanced.map(draw)}</div>
          </details>
        )}
        <Wires bench={bench} node={node} />
        {type?.group === 'trigger' ? null : <ErrorPolicy bench={bench} node={node} />}
        <p className={css.reference}>
          Other steps read its output as{' '}
          <code>{type?.group === 'trigger' ? '{{ run.input }}' : `{{ steps.${node.id}.output }}`}</code>
        </p>
      </div>
    </FormSurroundings>
  );
}

const plainHelp = (help: string): string => (help.split('\n\n')[0] ?? '').replace(/[`*]/g, '');

function NodeHead({ bench, node }: { readonly bench: Workbench; readonly node: Node }) {
  const type = bench.catalogue.byId.get(node.type);
  const rename = (name: string): void =>
    bench.draft.edit({ label: `rename ${titleOf(node, bench.catalogue)}`, mergeKey: `name:${node.id}` }, (document) =>
      changeNode(document, node.id, ({ name: _old, ...rest }) => (name === '' ? rest : { ...rest, name })),
    );
  return (
    <header className={css.head}>
      <span className={css.icon} data-group={type?.group ?? 'flow'}>
        <TypeIcon name={type?.icon ?? ''} />
      </span>
      <input
        id="node-name"
        className={css.name}
        aria-label="Step name"
        value={node.name ?? ''}
        placeholder={type?.title ?? node.type}
        maxLength={120}
        onChange={(event) => rename(event.target.value)}
      />
      <IconButton label="Duplicate step" shortcut="Ctrl+D" onClick={() => duplicateSelected(bench)}>
        <Copy size={15} />
      </IconButton>
      <IconButton label="Delete step" shortcut="Del" onClick={() => removeSelected(bench)}>
        <Trash2 size={15} />
      </IconButton>
    </header>
  );
}

const NONE: readonly never[] = [];

const pathText = (path: unknown): string =>
  (Array.isArray(path) ? path.join('.') : typeof path === 'string' ? path : '').replace(/^config\./, '');

function useFormContext(nodeId: string): FormContext {
  const problems = useProblems((state) => state.byNode[nodeId] ?? NONE);
  const { data } = useQuery({ queryKey: ['connections'], queryFn: connections });
  return useMemo(
    () => ({
      id: `node-${nodeId}`,
      readOnly: false,
      problemsAt: (path) =>
        problems.filter((problem) => pathText(problem.path) === path).map((problem) => problem.message),
      connections: (data ?? []).map((connection) => connection.name),
      Nested: SchemaField,
    }),
    [nodeId, problems, data],
  );
}

/** Problems that belong to no field that is drawn: a step without an input, an edge too many. */
function OtherProblems({ nodeId, fields }: { readonly nodeId: string; readonly fields: readonly Field[] }) {
  const problems = useProblems((state) => state.byNode[nodeId] ?? NONE);
  const names = new Set(fields.map((field) => field.name));
  const rest = problems.filter((problem) => !names.has(pathText(problem.path).split('.')[0] ?? ''));
  return rest.map((problem) => (
    <p key={`${problem.code}${problem.message}`} className={css.problem} data-severity={problem.severity}>
      {problem.message}
      {problem.hint === undefined ? null : <span>{problem.hint}</span>}
    </p>
  ));
}
