import { z } from 'zod';
import type { Json } from './event.ts';
import type { Scope } from './expression/scope.ts';
import { resolveConfig } from './expression/template.ts';

/** Every node type of this release. Adding one: a file in `nodes/` and an entry here and in `registry.ts`. */
export const NODE_TYPE_IDS = [
  'trigger.manual',
  'trigger.webhook',
  'trigger.schedule',
  'trigger.pipeline',
  'trigger.error',
  'http',
  'notify',
  'postgres',
  'search',
  'branch',
  'join',
  'loop',
  'transform',
  'code',
  'agent',
  'llm',
  'extract',
  'wait',
  'approval',
  'pipeline',
  'respond',
] as const;

/** The id of a node type, as `Node.type` holds it. */
export type NodeTypeId = (typeof NODE_TYPE_IDS)[number];

/** A named place where edges begin or end. */
export type Port = { readonly name: string; readonly title: string };

/** A node's config as the document holds it: not yet checked, with its templates unresolved. */
export type NodeConfig = Readonly<Record<string, Json>>;

/** What a pure node gives: its output, and the ports its edges leave by. */
export type PureResult = { readonly output: Json; readonly ports: readonly string[] };

/** What happens in the world when a step runs, and so what a repeat after a crash may do. */
export type Effect = 'none' | 'repeatable' | 'once';

/** How a config field is drawn and read. `expression` fields are CEL and `code` fields are code: neither is a template. */
export type Widget =
  | 'text'
  | 'textarea'
  | 'template'
  | 'expression'
  | 'code'
  | 'select'
  | 'select-connection'
  | 'json'
  | 'headers'
  | 'cases'
  | 'checkboxes'
  | 'number'
  | 'switch'
  | 'example';

/** One kind of node: all there is to know about it without running it. */
export type NodeType = {
  readonly id: NodeTypeId;
  readonly title: string;
  /** Markdown for users: what it does, what comes out, one thing to know. */
  readonly help: string;
  readonly group: 'trigger' | 'flow' | 'data' | 'action' | 'agent';
  /** Name of a lucide icon. */
  readonly icon: string;
  readonly inputs: readonly Port[];
  /** Output ports of a config, which may be unfinished; without the `error` port that `onError: 'port'` adds. */
  readonly outputs: (config: NodeConfig) => readonly Port[];
  readonly config: z.ZodObject;
  /** Top-level config fields that are not templates. */
  readonly verbatim: readonly string[];
  readonly pure: boolean;
  readonly effect: Effect;
  /** A valid config. */
  readonly example: NodeConfig;
  /**
   * Pure types only. Takes the config as the document holds it. Throws `ExpressionError`, and zod's error when the
   * config does not fit.
   */
  readonly evaluate?: (config: NodeConfig, scope: Scope) => PureResult;
};

type Definition<S extends z.ZodObject> = Omit<
  NodeType,
  'config' | 'verbatim' | 'pure' | 'effect' | 'inputs' | 'evaluate' | 'example' | 'outputs'
> & {
  readonly config: S;
  readonly example: z.input<S> & NodeConfig;
  readonly outputs?: (config: NodeConfig) => readonly Port[];
};

type PureDefinition<S extends z.ZodObject> = Definition<S> & {
  readonly inputs?: readonly Port[];
  readonly evaluate: (config: z.output<S>, scope: Scope) => PureResult;
};

const IN: readonly Port[] = [{ name: 'in', title: 'In' }];
const OUT: readonly Port[] = [{ name: 'out', title: 'Out' }];
const plainOutput = (): readonly Port[] => OUT;

/** Declares a type whose step is a function of its config and the scope: it can ride in another step's append. */
export function pureNode<S extends z.ZodObject>(definition: PureDefinition<S>): NodeType {
  const { config: schema, evaluate } = definition;
  const verbatim = verbatimFields(schema);
  return {
    ...definition,
    inputs: definition.inputs ?? IN,
    outputs: definition.outputs ?? plainOutput,
    verbatim,
    pure: true,
    effect: 'none',
    evaluate: (config, scope) => evaluate(schema.parse(resolveConfig(config, scope, verbatim)), scope),
  };
}

/** Declares a type that a worker runs; the runtime holds its implementation under the same id. */
export function workNode<S extends z.ZodObject>(definition: Definition<S> & { readonly effect: Effect }): NodeType {
  const { config: schema } = definition;
  return {
    ...definition,
    inputs: IN,
    outputs: definition.outputs ?? plainOutput,
    verbatim: verbatimFields(schema),
    pure: false,
  };
}

function verbatimFields(schema: z.ZodObject): readonly string[] {
  return Object.entries(schema.shape)
    .filter(([, field]) => isVerbatim(z.globalRegistry.get(field)?.widget))
    .map(([name]) => name);
}

const isVerbatim = (widget: unknown) =>
  widget === 'expression' || widget === 'code' || widget === 'cases' || widget === 'example';

/** Titles, texts and UI hints of one config field; they reach the editor inside the JSON Schema. */
export function field(
  title: string,
  description: string,
  hints: { readonly widget: Widget; readonly examples?: readonly Json[]; readonly advanced?: true },
) {
  return { title, description, ...hints, examples: [...(hints.examples ?? [])] };
}
