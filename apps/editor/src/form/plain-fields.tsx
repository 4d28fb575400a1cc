import { useLayoutEffect, useRef } from 'react';
import { useForm } from './context.ts';
import { controlId, FieldFrame } from './FieldFrame.tsx';
import type { Of } from './field-props.ts';
import css from './form.module.css';

/** A text: one line, or a box that grows with what is in it. */
export function TextField({ field, path, value, onChange }: Of<'text'>) {
  const form = useForm();
  const text = typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);
  const change = (next: string): void => onChange(next === '' && !field.required ? undefined : next);
  const shown = value === undefined && typeof field.fallback === 'string' ? field.fallback : text;
  const common = {
    id: controlId(form.id, path),
    value: shown,
    readOnly: form.readOnly,
    placeholder: field.example,
    spellCheck: field.widget === 'text' || field.widget === 'textarea',
    'aria-required': field.required,
  };
  return (
    <FieldFrame field={field} path={path}>
      {field.widget === 'text' ? (
        <input className={css.input} type="text" {...common} onChange={(event) => change(event.target.value)} />
      ) : (
        <GrowingText {...common} mono={field.widget !== 'textarea'} rows={ROWS[field.widget]} onText={change} />
      )}
    </FieldFrame>
  );
}

const ROWS = { textarea: 3, template: 2, expression: 1, code: 8, text: 1 } as const;
const MAX_HEIGHT = 420;

type GrowingProps = {
  readonly id: string;
  readonly value: string;
  readonly readOnly: boolean;
  readonly placeholder: string;
  readonly spellCheck: boolean;
  readonly mono: boolean;
  readonly rows: number;
  readonly onText: (text: string) => void;
};

/** A text area as tall as its text, up to a limit. */
export function GrowingText({ mono, onText, ...rest }: GrowingProps) {
  const box = useRef<HTMLTextAreaElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the height follows the text
  useLayoutEffect(() => {
    const area = box.current;
    if (area === null) return;
    area.style.height = 'auto';
    area.style.height = `${Math.min(area.scrollHeight + 2, MAX_HEIGHT)}px`;
  }, [rest.value]);
  return (
    <textarea
      ref={box}
      className={css.area}
      data-mono={mono}
      {...rest}
      onChange={(event) => onText(event.target.value)}
    />
  );
}

/** A number. Empty means: the default. */
export function NumberField({ field, path, value, onChange }: Of<'number'>) {
  const form = useForm();
  return (
    <FieldFrame field={field} path={path}>
      <input
        id={controlId(form.id, path)}
        className={css.input}
        type="number"
        step={field.whole ? 1 : 'any'}
        min={field.minimum}
        max={field.maximum !== undefined && field.maximum < Number.MAX_SAFE_INTEGER ? field.maximum : undefined}
        value={typeof value === 'number' ? value : ''}
        placeholder={typeof field.fallback === 'number' ? String(field.fallback) : field.example}
        readOnly={form.readOnly}
        onChange={(event) => onChange(event.target.value === '' ? undefined : event.target.valueAsNumber)}
      />
    </FieldFrame>
  );
}

/** On or off. */
export function SwitchField({ field, path, value, onChange }: Of<'switch'>) {
  const form = useForm();
  const on = value === undefined ? field.fallback === true : value === true;
  return (
    <FieldFrame field={field} path={path}>
      <input
        id={controlId(form.id, path)}
        className={css.switch}
        type="checkbox"
        role="switch"
        aria-checked={on}
        checked={on}
        disabled={form.readOnly}
        onChange={(event) => onChange(event.target.checked)}
      />
    </FieldFrame>
  );
}

/** One of a few values. */
export function ChoiceField({ field, path, value, onChange }: Of<'choice'>) {
  const form = useForm();
  const chosen = value ?? field.fallback;
  return (
    <FieldFrame field={field} path={path}>
      <select
        id={controlId(form.id, path)}
        className={css.input}
        value={JSON.stringify(chosen ?? null)}
        disabled={form.readOnly}
        onChange={(event) => onChange(JSON.parse(event.target.value))}
      >
        {chosen === undefined ? <option value="null">Choose…</option> : null}
        {field.options.map((option) => (
          <option key={JSON.stringify(option)} value={JSON.stringify(option)}>
            {typeof option === 'string' ? option : JSON.stringify(option)}
          </option>
        ))}
      </select>
    </FieldFrame>
  );
}

/** Any of a few words, as a list in the order of the schema. */
export function ChecksField({ field, path, value, onChange }: Of<'checks'>) {
  const form = useForm();
  const chosen = new Set(Array.isArray(value) ? value : Array.isArray(field.fallback) ? field.fallback : []);
  const toggle = (option: string, on: boolean): void =>
    onChange(field.options.filter((other) => (other === option ? on : chosen.has(other))));
  return (
    <FieldFrame field={field} path={path}>
      <fieldset className={css.checks} aria-label={field.title} id={controlId(form.id, path)}>
        {field.options.map((option) => (
          <label key={option} className={css.check}>
            <input
              type="checkbox"
              checked={chosen.has(option)}
              disabled={form.readOnly}
              onChange={(event) => toggle(option, event.target.checked)}
            />
            <code>{option}</code>
          </label>
        ))}
      </fieldset>
    </FieldFrame>
  );
}

/** A model connection by name; empty is the default one. */
export function ConnectionField({ field, path, value, onChange }: Of<'connection'>) {
  const form = useForm();
  const chosen = typeof value === 'string' ? value : '';
  const names = chosen === '' || form.connections.includes(chosen) ? form.connections : [...form.connections, chosen];
  return (
    <FieldFrame field={field} path={path}>
      <select
        id={controlId(form.id, path)}
        className={css.input}
        value={chosen}
        disabled={form.readOnly}
        onChange={(event) => onChange(event.target.value === '' ? undefined : event.target.value)}
      >
        <option value="">Default model</option>
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </FieldFrame>
  );
}
