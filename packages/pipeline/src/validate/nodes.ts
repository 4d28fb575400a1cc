import type { z } from 'zod';
import type { Node, PipelineDocument } from '../document.ts';
import type { Json } from '../event.ts';
import { isTemplate } from '../expression/template.ts';
import { NODE_TYPE_IDS } from '../node-type.ts';
import { nodeType } from '../registry.ts';
import { nearest } from './nearest.ts';
import { errorProblem, type Problem } from './problem.ts';

/** Types that exist, ids that are unique, configs that fit. */
export function checkNodes(document: PipelineDocument): readonly Problem[] {
  return [...duplicates(document), ...document.nodes.flatMap(checkNode)];
}

function duplicates(document: PipelineDocument): readonly Problem[] {
  const nodes = repeated(document.nodes.map((node) => node.id)).map((id) =>
    errorProblem('duplicate_id', `Two nodes have the id "${id}".`, { node: id, hint: 'Give one of them another id.' }),
  );
  const edges = repeated(document.edges.map((edge) => edge.id)).map((id) =>
    errorProblem('duplicate_id', `Two edges have the id "${id}".`, { edge: id }),
  );
  return [...nodes, ...edges];
}

function repeated(ids: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const id of ids) (seen.has(id) ? twice : seen).add(id);
  return [...twice];
}

function checkNode(node: Node): readonly Problem[] {
  const type = nodeType(node.type);
  if (type === null) {
    const close = nearest(node.type, NODE_TYPE_IDS);
    return [
      errorProblem('unknown_type', `"${node.type}" is not a node type.`, {
        node: node.id,
        path: ['type'],
        hint: close === null ? `Known: ${NODE_TYPE_IDS.join(', ')}.` : `Did you mean "${close}"?`,
      }),
    ];
  }
  const parsed = type.config.safeParse(node.config);
  const issues = parsed.success ? [] : parsed.error.issues.flatMap((issue) => configProblems(node, issue));
  return issues;
}

function configProblems(node: Node, issue: z.core.$ZodIssue): readonly Problem[] {
  const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) =>
      errorProblem('unknown_field', `"${key}" is not a field of ${node.type}.`, {
        node: node.id,
        path: [...path, key],
        ...fieldHint(node, path, key),
      }),
    );
  }
  const value = valueAt(node.config, path);
  // A template gives its value when the step runs; only then can it be checked.
  if (typeof value === 'string' && isTemplate(value)) return [];
  if (value === undefined)
    return [
      errorProblem('missing_field', `"${path.join('.')}" is missing.`, { node: node.id, path, hint: issue.message }),
    ];
  return [errorProblem('invalid_field', `"${path.join('.')}": ${issue.message}`, { node: node.id, path })];
}

function fieldHint(node: Node, path: readonly (string | number)[], key: string): { readonly hint?: string } {
  if (path.length > 0) return {};
  const close = nearest(key, Object.keys(nodeType(node.type)?.config.shape ?? {}));
  return close === null ? {} : { hint: `Did you mean "${close}"?` };
}

function valueAt(config: Readonly<Record<string, Json>>, path: readonly (string | number)[]): Json | undefined {
  let at: Json | undefined = config;
  for (const part of path) {
    if (at === null || typeof at !== 'object') return undefined;
    if (Array.isArray(at)) at = typeof part === 'number' ? at[part] : undefined;
    else at = Object.hasOwn(at, String(part)) ? at[String(part)] : undefined;
  }
  return at;
}
