import { boundedText } from './function.ts';
import { toJson } from './to-json.ts';

/** A value as text: text as it is, everything else as JSON. Throws `ExpressionError` too_large. */
export function textOf(value: unknown): string {
  return boundedText(typeof value === 'string' ? value : JSON.stringify(toJson(value)));
}
