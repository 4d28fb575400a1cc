import { ArrowDown, ArrowUp, Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { Button, IconButton } from '../ui/Button.tsx';
import { useForm } from './context.ts';
import { controlId, FieldFrame } from './FieldFrame.tsx';
import type { Of } from './field-props.ts';
import css from './form.module.css';
import { beginning, type Json, variantOf, withValue } from './schema.ts';

const objectOf = (value: Json | undefined): Record<string, Json> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};

/** The fields of an object, below each other. */
export function ObjectField({ field, path, value, onChange }: Of<'object'>) {
  const form = useForm();
  const object = objectOf(value);
  return (
    <div className={css.group}>
      {field.fields.map((part) => (
        <form.Nested
          key={part.name}
          field={part}
          path={`${path}.${part.name}`}
          value={object[part.name]}
          onChange={(next) => onChange(withValue(object, part.name, next))}
        />
      ))}
    </div>
  );
}

/** Names and values, such as headers. A row counts once it has a name. */
export function RecordField({ field, path, value, onChange }: Of<'record'>) {
  const form = useForm();
  const [rows, setRows] = useState<readonly (readonly [string, Json])[]>(() => Object.entries(objectOf(value)));
  const same =
    JSON.stringify(Object.fromEntries(rows.filter(([name]) => name !== ''))) === JSON.stringify(objectOf(value));
  const shown = same ? rows : Object.entries(objectOf(value));
  const commit = (next: readonly (readonly [string, Json])[]): void => {
    setRows(next);
    const named = next.filter(([name]) => name !== '');
    onChange(named.length === 0 ? undefined : Object.fromEntries(named));
  };
  return (
    <FieldFrame field={field} path={path}>
      <div className={css.rows} id={controlId(form.id, path)}>
        {shown.map(([name, part], index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a row is its place; its name changes with each key
          <div key={index} className={css.pair}>
            <input
              className={css.input}
              aria-label={`${field.title}: name ${index + 1}`}
              placeholder="name"
              value={name}
              readOnly={form.readOnly}
              onChange={(event) => commit(shown.map((row, at) => (at === index ? [event.target.value, row[1]] : row)))}
            />
            <input
              className={css.input}
              aria-label={`${field.title}: value ${index + 1}`}
              placeholder="value"
              value={typeof part === 'string' ? part : JSON.stringify(part)}
              readOnly={form.readOnly}
              onChange={(event) => commit(shown.map((row, at) => (at === index ? [row[0], event.target.value] : row)))}
            />
            <IconButton
              label={`Remove ${name === '' ? 'row' : name}`}
              disabled={form.readOnly}
              onClick={() => commit(shown.filter((_, at) => at !== index))}
            >
              <Trash2 size={14} />
            </IconButton>
          </div>
        ))}
        <Button
          tone="quiet"
          icon={<Plus size={14} />}
          disabled={form.readOnly}
          onClick={() => setRows([...shown, ['', '']])}
        >
          Add row
        </Button>
      </div>
    </FieldFrame>
  );
}

const moved = (list: readonly Json[], from: number, to: number): Json[] => {
  const next = [...list];
  const [taken] = next.splice(from, 1);
  if (taken !== undefined) next.splice(to, 0, taken);
  return next;
};

/** A list whose items can be added, changed, moved and taken away. */
export function ListField({ field, path, value, onChange }: Of<'list'>) {
  const form = useForm();
  const list: readonly Json[] = Array.isArray(value) ? value : [];
  const word = field.title.replace(/s$/, '').toLowerCase();
  return (
    <FieldFrame field={field} path={path}>
      <div className={css.rows} id={controlId(form.id, path)}>
        {list.map((item, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: items have no identity of their own
          <fieldset key={index} className={css.item}>
            <legend className={css.itemHead}>
              <span>
                {word} {index + 1}
              </span>
            </legend>
            <div className={css.itemTools}>
              <IconButton
                label={`Move ${word} ${index + 1} up`}
                disabled={form.readOnly || index === 0}
                onClick={() => onChange(moved(list, index, index - 1))}
              >
                <ArrowUp size={14} />
              </IconButton>
              <IconButton
                label={`Move ${word} ${index + 1} down`}
                disabled={form.readOnly || index === list.length - 1}
                onClick={() => onChange(moved(list, index, index + 1))}
              >
                <ArrowDown size={14} />
              </IconButton>
              <IconButton
                label={`Remove ${word} ${index + 1}`}
                disabled={form.readOnly}
                onClick={() => onChange(list.filter((_, at) => at !== index))}
              >
                <Trash2 size={14} />
              </IconButton>
            </div>
            <form.Nested
              field={field.item}
              path={`${path}.${index}`}
              value={item}
              onChange={(next) => onChange(list.map((other, at) => (at === index ? (next ?? null) : other)))}
            />
          </fieldset>
        ))}
        <Button
          icon={<Plus size={14} />}
          disabled={form.readOnly}
          onClick={() => onChange([...list, beginning(field.schema)])}
        >
          Add {word}
        </Button>
      </div>
    </FieldFrame>
  );
}

/** One of several shapes. Changing the shape keeps what was written in the others for as long as the form is open. */
export function UnionField({ field, path, value, onChange }: Of<'union'>) {
  const form = useForm();
  const [kept, setKept] = useState<Readonly<Record<number, Json>>>({});
  const index = variantOf(field.variants, value);
  const variant = field.variants[index];
  const choose = (next: number): void => {
    if (value !== undefined) setKept({ ...kept, [index]: value });
    onChange(kept[next] ?? beginning(field.variants[next]?.schema ?? {}));
  };
  return (
    <FieldFrame field={field} path={path}>
      <select
        id={controlId(form.id, path)}
        className={css.input}
        value={index}
        disabled={form.readOnly}
        onChange={(event) => choose(Number(event.target.value))}
      >
        {field.variants.map((option, at) => (
          <option key={option.title} value={at}>
            {option.title}
          </option>
        ))}
      </select>
      {variant === undefined ? null : (
        <form.Nested field={variant.field} path={path} value={value} onChange={onChange} />
      )}
    </FieldFrame>
  );
}
