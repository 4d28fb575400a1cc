import { type ComponentType, createContext, useContext } from 'react';
import type { FieldProps } from './field-props.ts';

/** What fields of a form know about their surroundings. */
export type FormContext = {
  /** Prefix of every control's id, so that labels find their controls. */
  readonly id: string;
  readonly readOnly: boolean;
  /** Problems of the field at a path (`cases.0.when`), as text. */
  readonly problemsAt: (path: string) => readonly string[];
  /** Names of model connections, for fields that choose one. */
  readonly connections: readonly string[];
  /** Draws the fields inside lists, objects and unions: the field component itself, given here so that no file needs its own user. */
  readonly Nested: ComponentType<FieldProps>;
};

const Context = createContext<FormContext>({
  id: 'form',
  readOnly: false,
  problemsAt: () => [],
  connections: [],
  Nested: () => null,
});

/** Gives the surroundings to the fields below. */
export const FormSurroundings = Context.Provider;

/** The surroundings of this field. */
export const useForm = (): FormContext => useContext(Context);
