import type { Node } from '@switchyard/pipeline';

/*
 * From JSON Schema to the fields of a form. Pure: no React, no state. The form writes straight into the document, so it
 * has no second truth; this file only says what to draw, what a new value begins with, and which variant a value is.
 */

/** Any JSON value of a document's config. */
export type Json = Node['config'][string];

/** The part of JSON Schema (2020-12, as zod writes it) that node types and forms use, with our hints. */
export type JsonSchema = {
  readonly type?: string | readonly string[];
  readonly title?: string;
  readonly description?: string;
  readonly widget?: string;
  readonly advanced?: boolean;
  readonly examples?: readonly Json[];
  readonly default?: Json;
  readonly const?: Json;
  readonly enum?: readonly Json[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
};

/** What every field has. `name` is its key in the parent, '' for items of a list. */
type Base = {
  readonly name: string;
  readonly title: string;
  readonly help: string;
  readonly required: boolean;
  readonly advanced: boolean;
  readonly example: string;
  readonly fallback: Json | undefined;
};

/** How a text is written: one line, several, a template with `{{ }}`, one expression, or program code. */
export type TextWidget = 'text' | 'textarea' | 'template' | 'expression' | 'code';

/** One field of a form. */
export type Field = Base &
  (
    | { readonly kind: 'text'; readonly widget: TextWidget }
    | {
        readonly kind: 'number';
        readonly whole: boolean;
        readonly minimum: number | undefined;
        readonly maximum: number | undefined;
      }
    | { readonly kind: 'switch' }
    | { readonly kind: 'choice'; readonly options: readonly Json[] }
    | { readonly kind: 'checks'; readonly options: readonly string[] }
    | { readonly kind: 'connection' }
    | { readonly kind: 'object'; readonly fields: readonly Field[] }
    | { readonly kind: 'record'; readonly value: Field }
    | { readonly kind: 'list'; readonly item: Field; readonly schema: JsonSchema }
    | {
        readonly kind: 'union';
        readonly variants: readonly { readonly title: string; readonly schema: JsonSchema; readonly field: Field }[];
      }
    | { readonly kind: 'json' }
  );

/** The fields of a config's top level, in schema order. */
export function fieldsOf(schema: JsonSchema): readonly Field[] {
  return propertiesOf(schema, schema.$defs ?? {});
}

type Defs = Readonly<Record<string, JsonSchema>>;

function propertiesOf(schema: JsonSchema, defs: Defs): readonly Field[] {
  return Object.entries(schema.properties ?? {}).map(([name, part]) =>
    fieldOf(part, { name, required: schema.required?.includes(name) ?? false, defs }),
  );
}

function fieldOf(
  given: JsonSchema,
  place: { readonly name: string; readonly required: boolean; readonly defs: Defs },
): Field {
  const schema = resolve(given, place.defs);
  const [example] = given.examples ?? schema.examples ?? [];
  const base: Base = {
    name: place.name,
    title: given.title ?? schema.title ?? readable(place.name),
    help: given.description ?? schema.description ?? '',
    required: place.required && schema.default === undefined,
    advanced: given.advanced ?? schema.advanced ?? false,
    example: example === undefined ? '' : typeof example === 'string' ? example : JSON.stringify(example),
    fallback: given.default ?? schema.default,
  };
  return { ...base, ...shapeOf(schema, below(given, place.defs)) };
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
type Shape = DistributiveOmit<Field, keyof Base>;

function shapeOf(schema: JsonSchema, defs: Defs): Shape {
  if (schema.widget === 'json' || schema.widget === 'example') return { kind: 'json' };
  if (schema.widget === 'select-connection') return { kind: 'connection' };
  if (schema.enum !== undefined) return { kind: 'choice', options: schema.enum };
  const variants = schema.oneOf ?? schema.anyOf;
  if (variants !== undefined) return unionOf(variants, defs);
  switch (schema.type) {
    case 'string':
      return { kind: 'text', widget: textWidget(schema.widget) };
    case 'number':
    case 'integer':
      return { kind: 'number', whole: schema.type === 'integer', minimum: schema.minimum, maximum: schema.maximum };
    case 'boolean':
      return { kind: 'switch' };
    case 'array':
      return listOf(schema, defs);
    case 'object':
      return objectOf(schema, defs);
    default:
      return { kind: 'json' };
  }
}

function unionOf(variants: readonly JsonSchema[], defs: Defs): Shape {
  const consts = variants.map((variant) => resolve(variant, defs).const);
  if (consts.every((value) => value !== undefined)) return { kind: 'choice', options: consts };
  return {
    kind: 'union',
    variants: variants.map((variant, index) => {
      const schema = resolve(variant, defs);
      return {
        title: schema.title ?? `Option ${index + 1}`,
        schema,
        field: fieldOf(schema, { name: '', required: true, defs }),
      };
    }),
  };
}

function listOf(schema: JsonSchema, defs: Defs): Shape {
  const items = resolve(schema.items ?? {}, defs);
  const options = items.enum?.filter((option) => typeof option === 'string');
  if (schema.widget === 'checkboxes' && options !== undefined) return { kind: 'checks', options };
  return { kind: 'list', schema: items, item: fieldOf(items, { name: '', required: true, defs }) };
}

function objectOf(schema: JsonSchema, defs: Defs): Shape {
  if (schema.properties !== undefined) return { kind: 'object', fields: propertiesOf(schema, defs) };
  const values = schema.additionalProperties;
  if (typeof values === 'object') return { kind: 'record', value: fieldOf(values, { name: '', required: true, defs }) };
  return { kind: 'json' };
}

const TEXT_WIDGETS: ReadonlySet<string> = new Set<TextWidget>(['text', 'textarea', 'template', 'expression', 'code']);

const textWidget = (widget: string | undefined): TextWidget =>
  widget !== undefined && TEXT_WIDGETS.has(widget) ? (widget as TextWidget) : 'text';

const readable = (name: string): string => {
  const words = name
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replace(/_/g, ' ')
    .toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
};

function resolve(schema: JsonSchema, defs: Defs): JsonSchema {
  const name = referenceOf(schema);
  if (name === null) return schema;
  const { $ref: _ref, ...own } = schema;
  return { ...defs[name], ...own };
}

const referenceOf = (schema: JsonSchema): string | null => schema.$ref?.match(/^#\/\$defs\/(.+)$/)?.[1] ?? null;

/** The definitions below a reference: without itself, so that a schema that contains itself (any JSON) ends as a JSON field. */
const below = (schema: JsonSchema, defs: Defs): Defs => {
  const name = referenceOf(schema);
  return name === null ? defs : Object.fromEntries(Object.entries(defs).filter(([key]) => key !== name));
};

/** What a new value of a schema begins with: its default, else the emptiest value that has its shape. */
export function beginning(schema: JsonSchema): Json {
  if (schema.default !== undefined) return schema.default;
  if (schema.const !== undefined) return schema.const;
  const [first] = schema.enum ?? [];
  if (first !== undefined) return first;
  const [variant] = schema.oneOf ?? schema.anyOf ?? [];
  if (variant !== undefined) return beginning(variant);
  switch (schema.type) {
    case 'string':
      return '';
    case 'number':
    case 'integer':
      return schema.minimum ?? 0;
    case 'boolean':
      return false;
    case 'array':
      return [];
    case 'object':
      return Object.fromEntries(
        (schema.required ?? []).map((name) => [name, beginning(schema.properties?.[name] ?? {})]),
      );
    default:
      return null;
  }
}

/** Which variant of a union a value is: the first whose type, constants and required keys fit; 0 when none does. */
export function variantOf(variants: readonly { readonly schema: JsonSchema }[], value: Json | undefined): number {
  const index = variants.findIndex(({ schema }) => fits(schema, value));
  return Math.max(index, 0);
}

function fits(schema: JsonSchema, value: Json | undefined): boolean {
  if (schema.const !== undefined) return schema.const === value;
  if (schema.enum !== undefined) return schema.enum.some((option) => option === value);
  if (schema.type === 'object') {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    const required = schema.required ?? [];
    return required.every(
      (name) =>
        name in value &&
        (schema.properties?.[name]?.const === undefined || schema.properties[name].const === value[name]),
    );
  }
  if (schema.type === 'array') return Array.isArray(value);
  if (schema.type === 'integer') return typeof value === 'number';
  return schema.type === typeof value;
}

/** The config with one top-level value set; `undefined` takes the key away, so that the default is in force again. */
export function withValue(config: Node['config'], name: string, value: Json | undefined): Node['config'] {
  if (value !== undefined) return { ...config, [name]: value };
  return Object.fromEntries(Object.entries(config).filter(([key]) => key !== name));
}

/** A JSON value as the text of a field: text that is no JSON by itself stands bare, all else is JSON. */
export function jsonToText(value: Json | undefined): string {
  if (value === undefined) return '';
  if (typeof value === 'string' && value !== '' && textToJson(value).value === value) return value;
  return JSON.stringify(value, null, 2);
}

/** What a person wrote in a JSON field: JSON, or plain text (a template, a sentence). `problem` when it looks like unfinished JSON. */
export function textToJson(text: string): { readonly value: Json | undefined; readonly problem: string | null } {
  const trimmed = text.trim();
  if (trimmed === '') return { value: undefined, problem: null };
  try {
    return { value: JSON.parse(trimmed) as Json, problem: null };
  } catch (error) {
    const looksLikeJson = /^(\{(?!\{)|\[|")/.test(trimmed);
    return looksLikeJson
      ? { value: undefined, problem: `Not valid JSON yet: ${(error as Error).message}` }
      : { value: text, problem: null };
  }
}
