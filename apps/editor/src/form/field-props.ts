import type { Field, Json } from './schema.ts';

/** One field of any kind. `value` is undefined when the document leaves it out; `onChange(undefined)` takes it out again. */
export type FieldProps<F extends Field = Field> = {
  readonly field: F;
  readonly path: string;
  readonly value: Json | undefined;
  readonly onChange: (value: Json | undefined) => void;
};

/** Props of the field of one kind. */
export type Of<K extends Field['kind']> = FieldProps<Extract<Field, { kind: K }>>;
