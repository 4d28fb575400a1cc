import { useEffect, useState } from 'react';
import { useForm } from './context.ts';
import { controlId, FieldFrame } from './FieldFrame.tsx';
import type { Of } from './field-props.ts';
import { GrowingText } from './plain-fields.tsx';
import { jsonToText, textToJson } from './schema.ts';

/**
 * A JSON value as text. What is valid goes into the document at once; what is not stays here, said to be unfinished, and
 * the document keeps its last valid value.
 */
export function JsonField({ field, path, value, onChange }: Of<'json'>) {
  const form = useForm();
  const [text, setText] = useState(() => jsonToText(value));
  const read = textToJson(text);
  useEffect(() => {
    // The value changed from outside (undo, their version): show it. Our own text already means the same.
    setText((shown) =>
      JSON.stringify(textToJson(shown).value) === JSON.stringify(value) || textToJson(shown).problem !== null
        ? shown
        : jsonToText(value),
    );
  }, [value]);
  const change = (next: string): void => {
    setText(next);
    const { value: parsed, problem } = textToJson(next);
    if (problem === null) onChange(parsed);
  };
  return (
    <FieldFrame field={field} path={path} localProblem={read.problem}>
      <GrowingText
        id={controlId(form.id, path)}
        value={text}
        readOnly={form.readOnly}
        placeholder={field.example}
        spellCheck={false}
        mono
        rows={3}
        onText={change}
      />
    </FieldFrame>
  );
}
