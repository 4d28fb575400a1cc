import type { Json } from '../event.ts';
import { compile } from './compile.ts';
import { ExpressionError } from './error.ts';
import { boundedText } from './function.ts';
import { type Scope, scopeRoot } from './scope.ts';
import { toJson } from './to-json.ts';

/** A piece of a template: text as it is, or an expression and where it begins in the template. */
export type TemplatePart = { readonly text: string } | { readonly expression: string; readonly start: number };

const MAX_PARTS = 1_000;
const MAX_CONFIG_DEPTH = 32;

/** Whether a text holds an expression. */
export const isTemplate = (text: string) => text.includes('{{');

/**
 * Cuts a template into text and expressions. Braces and quotes inside an expression are understood, so
 * `{{ {"a": {"b": "}}"}} }}` is one. Throws `ExpressionError` unclosed_template, empty_expression, too_large.
 */
export function parseTemplate(template: string): readonly TemplatePart[] {
  const parts: TemplatePart[] = [];
  let at = 0;
  while (at < template.length) {
    const open = template.indexOf('{{', at);
    if (open < 0) break;
    if (open > at) parts.push({ text: template.slice(at, open) });
    const end = closingBraces(template, open + 2);
    const expression = template.slice(open + 2, end);
    if (expression.trim() === '')
      throw new ExpressionError('empty_expression', 'There is nothing between {{ and }}.', { position: open });
    parts.push({ expression, start: open + 2 });
    if (parts.length > MAX_PARTS) throw new ExpressionError('too_large', `A template may hold ${MAX_PARTS} parts.`);
    at = end + 2;
  }
  if (at < template.length) parts.push({ text: template.slice(at) });
  return parts;
}

/** Index of the `}}` that ends an expression beginning at `from`: outside quotes and with all inner braces closed. */
function closingBraces(template: string, from: number): number {
  let depth = 0;
  for (let i = from; i < template.length; i++) {
    const char = template.charAt(i);
    if (char === '"' || char === "'") i = closingQuote(template, i);
    else if (char === '{') depth++;
    else if (char === '}' && depth > 0) depth--;
    else if (char === '}' && template.charAt(i + 1) === '}') return i;
  }
  throw new ExpressionError('unclosed_template', 'A {{ has no }} that closes it.', { position: from - 2 });
}

/** Index of the quote that ends the text beginning at `open`; the end of the template when none does. */
function closingQuote(template: string, open: number): number {
  for (let i = open + 1; i < template.length; i++) {
    if (template.charAt(i) === '\\') i++;
    else if (template.charAt(i) === template.charAt(open)) return i;
  }
  return template.length;
}

/**
 * The value of a template. One that is exactly one `{{ }}` gives the raw JSON value, any other gives text: strings
 * verbatim, other values as JSON. Values are inserted, never parsed again. Throws `ExpressionError`, positions
 * counted in the template.
 */
export function renderTemplate(template: string, scope: Scope): Json {
  if (!isTemplate(template)) return template;
  const parts = parseTemplate(template);
  const [only] = parts;
  if (parts.length === 1 && only !== undefined && 'expression' in only) return partValue(only, scope);
  return boundedText(parts.map((part) => ('text' in part ? part.text : asText(partValue(part, scope)))).join(''));
}

const asText = (value: Json) => (typeof value === 'string' ? value : JSON.stringify(value));

function partValue(part: { readonly expression: string; readonly start: number }, scope: Scope): Json {
  try {
    return toJson(compile(part.expression).evaluate(scopeRoot(scope)));
  } catch (error) {
    throw error instanceof ExpressionError ? moved(error, part.start) : error;
  }
}

/** The same error with its position counted from the start of the template. */
function moved(error: ExpressionError, by: number): ExpressionError {
  return new ExpressionError(error.code, error.message, {
    position: (error.position ?? 0) + by,
    hint: error.hint,
    cause: error,
  });
}

/** A config with every template in it replaced by its value, at any depth, but for the top-level fields in `verbatim`. */
export function resolveConfig(
  config: Readonly<Record<string, Json>>,
  scope: Scope,
  verbatim: readonly string[] = [],
): Record<string, Json> {
  const resolved: Record<string, Json> = {};
  for (const [name, value] of Object.entries(config)) {
    Object.defineProperty(resolved, name, {
      value: verbatim.includes(name) ? value : resolveValue(value, scope, name),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return resolved;
}

function resolveValue(value: Json, scope: Scope, path: string, depth = 0): Json {
  if (typeof value === 'string') return renderAt(value, scope, path);
  if (value === null || typeof value !== 'object') return value;
  if (depth > MAX_CONFIG_DEPTH)
    throw new ExpressionError('too_deep', `${path} is nested deeper than ${MAX_CONFIG_DEPTH} levels.`);
  if (Array.isArray(value)) return value.map((item, i) => resolveValue(item, scope, `${path}[${i}]`, depth + 1));
  const resolved: Record<string, Json> = Object.create(null);
  for (const [name, item] of Object.entries(value))
    resolved[name] = resolveValue(item, scope, `${path}.${name}`, depth + 1);
  return resolved;
}

function renderAt(template: string, scope: Scope, path: string): Json {
  try {
    return renderTemplate(template, scope);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    throw new ExpressionError(error.code, `${path}: ${error.message}`, {
      position: error.position,
      hint: error.hint,
      cause: error,
    });
  }
}
