import type { Edge, Node, Note, PipelineDocument } from '@switchyard/pipeline';
import { type Point, snap } from './edits.ts';
import { elementId, nodeId, type Random } from './ids.ts';

/*
 * Copy and paste as JSON text, so that parts of pipelines travel between tabs, chats and files. The text is an ordinary
 * pipeline document that holds only what was copied.
 */

/** The chosen nodes and notes, with the edges among them, as JSON text. */
export function copyText(document: PipelineDocument, ids: ReadonlySet<string>): string {
  const part = {
    format: 1,
    nodes: document.nodes.filter((node) => ids.has(node.id)),
    edges: document.edges.filter((edge) => ids.has(edge.from.node) && ids.has(edge.to.node)),
    notes: document.notes.filter((note) => ids.has(note.id)),
  };
  return JSON.stringify(part, null, 2);
}

/** What pasting did: the new document and the ids of what was added. */
export type Pasted = { readonly document: PipelineDocument; readonly ids: readonly string[] };

/**
 * Adds a copied part with new ids, its top left corner at `at`. References to renamed steps inside the part's own
 * expressions follow (`steps.fetch.` → `steps.fetch_2.`).
 */
export function paste(document: PipelineDocument, part: PipelineDocument, at: Point, random: Random): Pasted {
  const elements: readonly (Node | Note)[] = [...part.nodes, ...part.notes];
  if (elements.length === 0) return { document, ids: [] };
  const left = Math.min(...elements.map((element) => element.position.x));
  const top = Math.min(...elements.map((element) => element.position.y));
  const shift = (position: Point): Point => snap({ x: position.x - left + at.x, y: position.y - top + at.y });

  const taken = new Set(document.nodes.map((node) => node.id));
  const renamed = new Map<string, string>();
  for (const node of part.nodes) {
    const id = nodeId(node.id.replace(/_\d+$/, ''), taken);
    taken.add(id);
    renamed.set(node.id, id);
  }
  const nodes = part.nodes.map(
    (node): Node => ({
      ...node,
      id: renamed.get(node.id) ?? node.id,
      position: shift(node.position),
      config: followRenames(node.config, renamed),
    }),
  );
  const edgeTaken = new Set(document.edges.map((edge) => edge.id));
  const edges = part.edges.map((edge): Edge => {
    const id = elementId('e', edgeTaken, random);
    edgeTaken.add(id);
    const end = (side: Edge['from']): Edge['from'] => ({ ...side, node: renamed.get(side.node) ?? side.node });
    return { id, from: end(edge.from), to: end(edge.to) };
  });
  const noteTaken = new Set(document.notes.map((note) => note.id));
  const notes = part.notes.map((note): Note => {
    const id = elementId('n', noteTaken, random);
    noteTaken.add(id);
    return { ...note, id, position: shift(note.position) };
  });
  return {
    ids: [...nodes, ...notes].map((element) => element.id),
    document: {
      ...document,
      nodes: [...document.nodes, ...nodes],
      edges: [...document.edges, ...edges],
      notes: [...document.notes, ...notes],
    },
  };
}

const followRenames = (config: Node['config'], renamed: ReadonlyMap<string, string>): Node['config'] =>
  JSON.parse(JSON.stringify(config), (_key, value: unknown) =>
    typeof value === 'string'
      ? value.replace(/\bsteps\.([a-zA-Z][\w-]*)/g, (whole, id: string) =>
          renamed.has(id) ? `steps.${renamed.get(id)}` : whole,
        )
      : value,
  );
