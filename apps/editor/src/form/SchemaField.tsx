import type { FieldProps } from './field-props.ts';
import { JsonField } from './JsonField.tsx';
import { ListField, ObjectField, RecordField, UnionField } from './nested-fields.tsx';
import { ChecksField, ChoiceField, ConnectionField, NumberField, SwitchField, TextField } from './plain-fields.tsx';

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
