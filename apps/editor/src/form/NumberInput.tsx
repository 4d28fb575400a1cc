import { useState } from 'react';
import css from './form.module.css';

type Props = {
  readonly label: string;
  readonly help?: string;
  readonly value: number | undefined;
  /** Shown when nothing is set: what holds then. */
  readonly unset: string;
  readonly min: number;
  readonly max: number;
  readonly whole?: boolean;
  /** `undefined`: emptied. Called with values within the bounds only. */
  readonly onChange: (value: number | undefined) => void;
};

/** A labelled number that may be empty. What lies outside its bounds stays in the field, marked, and is not passed on. */
export function NumberInput({ label, help, value, unset, min, max, whole = true, onChange }: Props) {
  const [bad, setBad] = useState<string | null>(null);
  const change = (text: string): void => {
    const number = Number(text);
    const fits = text === '' || (number >= min && number <= max && (!whole || Number.isInteger(number)));
    setBad(fits ? null : text);
    if (fits) onChange(text === '' ? undefined : number);
  };
  return (
    <label className={css.field} data-bad={bad !== null}>
      <span className={css.label}>{label}</span>
      <input
        className={css.input}
        type="number"
        step={whole ? 1 : 'any'}
        min={min}
        max={max}
        value={bad ?? value ?? ''}
        placeholder={unset}
        onChange={(event) => change(event.target.value)}
      />
      {bad === null ? null : (
        <span className={css.problem}>
          {whole ? 'A whole number' : 'A number'} from {min} to {max}.
        </span>
      )}
      {help === undefined ? null : <span className={css.help}>{help}</span>}
    </label>
  );
}
