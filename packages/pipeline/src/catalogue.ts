import { z } from 'zod';
import { PipelineDocument } from './document.ts';
import { FUNCTION_CATEGORIES } from './expression/functions.ts';
import type { Effect, NodeConfig, NodeType, Port } from './node-type.ts';
import { NODE_TYPES } from './registry.ts';

/** A node type as JSON: what the editor needs to draw, explain and configure it. */
export type CatalogueEntry = {
  readonly id: string;
  readonly title: string;
  readonly help: string;
  readonly group: NodeType['group'];
  readonly icon: string;
  readonly inputs: readonly Port[];
  /** Ports of the example's config; `branch` has one per case. */
  readonly outputs: readonly Port[];
  readonly pure: boolean;
  readonly effect: Effect;
  readonly verbatim: readonly string[];
  readonly example: NodeConfig;
  /** JSON Schema (draft 2020-12) of the config as users write it, with titles, descriptions, examples and `widget`. */
  readonly config: Readonly<Record<string, unknown>>;
};

/** A function of the expression language, for completion and documentation. */
export type CatalogueFunction = {
  readonly name: string;
  /** The part of the library it belongs to. */
  readonly category: string;
  readonly usage: string;
  readonly help: string;
  readonly example: string;
};

/** All node types and expression functions as plain JSON. */
export function nodeTypeCatalogue(): {
  readonly nodeTypes: readonly CatalogueEntry[];
  readonly functions: readonly CatalogueFunction[];
} {
  return {
    nodeTypes: Object.values(NODE_TYPES).map(entry),
    functions: Object.entries(FUNCTION_CATEGORIES).flatMap(([category, functions]) =>
      functions.map(({ name, usage, help, example }) => ({ name, category, usage, help, example })),
    ),
  };
}

function entry(type: NodeType): CatalogueEntry {
  const { id, title, help, group, icon, inputs, pure, effect, verbatim, example } = type;
  return {
    id,
    title,
    help,
    group,
    icon,
    inputs,
    outputs: type.outputs(example),
    pure,
    effect,
    verbatim,
    example,
    config: z.toJSONSchema(type.config, { io: 'input' }),
  };
}

/** JSON Schema (draft 2020-12) of a pipeline document, as export writes it and import reads it. */
export function documentJsonSchema(): Readonly<Record<string, unknown>> {
  return z.toJSONSchema(PipelineDocument, { io: 'input' });
}
