import type { Node } from '@switchyard/pipeline';
import type { JsonSchema } from '../form/schema.ts';

/** A named place where an edge begins or ends. */
export type Port = { readonly name: string; readonly title: string };

/** One node type as `GET /api/node-types` lists it. `config` is a JSON Schema; ports are those of the default config. */
export type NodeTypeEntry = {
  readonly id: string;
  readonly title: string;
  readonly help: string;
  readonly group: 'trigger' | 'flow' | 'data' | 'action' | 'agent';
  readonly icon: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly config: JsonSchema;
  readonly example: Node['config'];
};

/** The node types by id, in palette order. */
export type Catalogue = { readonly list: readonly NodeTypeEntry[]; readonly byId: ReadonlyMap<string, NodeTypeEntry> };

/** Indexes the list of the server. */
export const catalogueOf = (list: readonly NodeTypeEntry[]): Catalogue => ({
  list,
  byId: new Map(list.map((entry) => [entry.id, entry])),
});

/** What to call a node on screen: its own name, else its type's title, else its type's id. */
export const titleOf = (node: Node, catalogue: Catalogue): string =>
  node.name !== undefined && node.name !== '' ? node.name : (catalogue.byId.get(node.type)?.title ?? node.type);
