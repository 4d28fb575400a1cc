/*
 * The part of JSON Schema that `extract` takes. What is not listed is refused rather than ignored: `pattern` and `format`
 * would run host regular expressions on what a model wrote, and a `$ref` can lead a check round in circles.
 */

const PLAIN = new Set([
  '$schema',
  'title',
  'description',
  'default',
  'examples',
  'type',
  'enum',
  'const',
  'required',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
]);
const ONE = new Set(['items', 'additionalProperties', 'not']);
const MANY = new Set(['anyOf', 'oneOf', 'allOf', 'prefixItems']);
const TYPES = new Set(['object', 'array', 'string', 'number', 'integer', 'boolean', 'null']);
const MAX_DEPTH = 20;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Why a value is not a schema that `extract` can keep to, or null when it is. */
export function schemaProblem(schema: unknown, depth = 0): string | null {
  if (typeof schema === 'boolean' && depth > 0) return null;
  if (!isObject(schema)) return 'a schema is an object';
  if (depth > MAX_DEPTH) return `a schema goes at most ${MAX_DEPTH} levels deep`;
  for (const [keyword, value] of Object.entries(schema)) {
    const problem = keywordProblem(keyword, value, depth);
    if (problem !== null) return problem;
  }
  return null;
}

function keywordProblem(keyword: string, value: unknown, depth: number): string | null {
  if (keyword === 'type') return typeProblem(value);
  if (PLAIN.has(keyword)) return plainProblem(keyword, value);
  if (ONE.has(keyword)) return schemaProblem(value, depth + 1);
  if (MANY.has(keyword))
    return Array.isArray(value) ? firstProblem(value, depth) : `"${keyword}" must be a list of schemas`;
  if (keyword === 'properties')
    return isObject(value) ? firstProblem(Object.values(value), depth) : '"properties" must be an object of schemas';
  return `"${keyword}" is not supported`;
}

function firstProblem(schemas: readonly unknown[], depth: number): string | null {
  for (const one of schemas) {
    const problem = schemaProblem(one, depth + 1);
    if (problem !== null) return problem;
  }
  return null;
}

function typeProblem(value: unknown): string | null {
  const types = Array.isArray(value) ? value : [value];
  const known = types.length > 0 && types.every((one) => typeof one === 'string' && TYPES.has(one));
  return known ? null : `"type" must be one of ${[...TYPES].join(', ')}`;
}

function plainProblem(keyword: string, value: unknown): string | null {
  if (keyword === 'required' || keyword === 'enum' || keyword === 'examples')
    return Array.isArray(value) ? null : `"${keyword}" must be a list`;
  const counts = /^(min|max|exclusive|multiple)/.test(keyword);
  if (counts && typeof value !== 'number') return `"${keyword}" must be a number`;
  return null;
}
