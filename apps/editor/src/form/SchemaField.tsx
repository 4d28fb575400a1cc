import { ChoiceField, ChecksField, ConnectionField, NumberField, SwitchField, TextField } from './plain-fields.tsx';
import { ListField, ObjectField, RecordField, UnionField } from './nested-fields.tsx';
import { JsonField } from './JsonField.tsx';
import type { Field, Json } from './schema.ts';

/** One field of any kind. `value` is undefined when the document leaves it out; `onChange(undefined)` takes it out again. */
export type FieldProps<F extends Field = Field> = {
  readonly field: F;
  readonly path: string;
  readonly value: Json | undefined;
  readonly onChange: (value: Json | undefined) => void;
};

/** Draws the field its kind asks for. */
export function SchemaField({ field, ...rest }: FieldProps) {
  switch (field.kind) {
    case 'text':
      return <TextField field={field} {...rest} />;
    case 'number':
      return <NumberField field={field} {...rest} />;
    case 'switch':
      return <SwitchField field={field} {...rest} />;
    case 'choice':
      return <ChoiceField field={field} {...rest} />;
    case 'checks':
      return <ChecksField field={field} {...rest} />;
    case 'connection':
      return <ConnectionField field={field} {...rest} />;
    case 'object':
      return <ObjectField field={field} {...rest} />;
    case 'record':
      return <RecordField field={field} {...rest} />;
    case 'list':
      return <ListField field={field} {...rest} />;
    case 'union':
      return <UnionField field={field} {...rest} />;
    case 'json':
      return <JsonField field={field} {...rest} />;
  }
}
