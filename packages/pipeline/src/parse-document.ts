import { PipelineDocument } from './document.ts';
import { errorProblem, type Problem } from './validate/problem.ts';

/** What came of reading foreign JSON. */
export type ParsedDocument =
  | { readonly ok: true; readonly document: PipelineDocument }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Deepest nesting of a document. */
const MAX_DOCUMENT_DEPTH = 32;
/** Values (objects, lists, texts, numbers …) in a document. */
const MAX_DOCUMENT_VALUES = 500_000;
/** Characters of all texts and keys of a document together. */
const MAX_DOCUMENT_CHARACTERS = 8_000_000;
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * Reads a document from JSON of any origin: size, depth and dangerous keys first, then its shape. It says nothing of
 * its meaning; that is `validate`. Never throws.
 */
export function parseDocument(json: unknown): ParsedDocument {
  const danger = inspect(json);
  if (danger !== null) return { ok: false, problems: [danger] };
  const parsed = PipelineDocument.safeParse(json);
  if (parsed.success) return { ok: true, document: parsed.data };
  return { ok: false, problems: parsed.error.issues.map((issue) => shapeProblem(json, issue)) };
}

function shapeProblem(
  json: unknown,
  issue: { readonly message: string; readonly path: readonly PropertyKey[] },
): Problem {
  const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
  const [list, index] = path;
  const id = list === 'nodes' || list === 'edges' ? idAt(json, list, index) : null;
  const owner = id === null ? {} : list === 'nodes' ? { node: id } : { edge: id };
  return errorProblem('invalid_document', `${path.length === 0 ? 'document' : path.join('.')}: ${issue.message}`, {
    path,
    ...owner,
  });
}

function idAt(json: unknown, list: string, index: unknown): string | null {
  const items: unknown =
    json !== null && typeof json === 'object' ? Object.entries(json).find(([key]) => key === list)?.[1] : null;
  const item: unknown = Array.isArray(items) && typeof index === 'number' ? items[index] : null;
  const id: unknown = item !== null && typeof item === 'object' && 'id' in item ? item.id : null;
  return typeof id === 'string' ? id : null;
}

type Place = readonly (string | number)[];
type Visit = { readonly value: unknown; readonly path: Place };

/** Walks JSON without recursion, so that its depth cannot exhaust the stack; the first danger ends the walk. */
function inspect(json: unknown): Problem | null {
  const open: Visit[] = [{ value: json, path: [] }];
  let values = 0;
  let characters = 0;
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    values++;
    characters += charactersOf(at.value);
    const danger = tooLarge(values, characters) ?? dangerAt(at);
    if (danger !== null) return danger;
    for (const child of childrenOf(at)) open.push(child);
  }
  return null;
}

function tooLarge(values: number, characters: number): Problem | null {
  if (values > MAX_DOCUMENT_VALUES)
    return errorProblem('document_too_large', `A document may hold ${MAX_DOCUMENT_VALUES} values.`);
  if (characters > MAX_DOCUMENT_CHARACTERS)
    return errorProblem('document_too_large', `A document may hold ${MAX_DOCUMENT_CHARACTERS} characters.`);
  return null;
}

/** Characters of a text, or of an object's keys. */
function charactersOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return 0;
  return Object.keys(value).reduce((sum, key) => sum + key.length, 0);
}

function dangerAt({ value, path }: Visit): Problem | null {
  if (path.length > MAX_DOCUMENT_DEPTH)
    return errorProblem('document_too_deep', `A document may be nested ${MAX_DOCUMENT_DEPTH} levels deep.`, { path });
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return null;
  const key = Object.keys(value).find((name) => FORBIDDEN.has(name));
  if (key === undefined) return null;
  return errorProblem('forbidden_key', `The key "${key}" is refused.`, { path: [...path, key], hint: 'Rename it.' });
}

function childrenOf({ value, path }: Visit): readonly Visit[] {
  if (value === null || typeof value !== 'object') return [];
  if (Array.isArray(value)) return value.map((item: unknown, i) => ({ value: item, path: [...path, i] }));
  return Object.entries(value).map(([key, item]) => ({ value: item, path: [...path, key] }));
}
