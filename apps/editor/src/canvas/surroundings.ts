import type { Problem } from '@switchyard/pipeline';
import { createContext, useContext } from 'react';
import { create } from 'zustand';
import type { Catalogue } from '../document/node-types.ts';
import { catalogueOf } from '../document/node-types.ts';

/** What cards on a canvas need and what stays the same while it is open. */
export type CanvasSurroundings = {
  readonly catalogue: Catalogue;
  readonly readOnly: boolean;
  /** Opens the node search to put a step into an edge. */
  readonly insertOn: (edgeId: string) => void;
  /** Changes the text of a note. */
  readonly writeNote: (noteId: string, text: string) => void;
};

const Context = createContext<CanvasSurroundings>({
  catalogue: catalogueOf([]),
  readOnly: true,
  insertOn: () => undefined,
  writeNote: () => undefined,
});

/** Gives the surroundings to the cards below. The value must keep its identity. */
export const CanvasContext = Context.Provider;

/** The surroundings of a card. */
export const useCanvas = (): CanvasSurroundings => useContext(Context);

/** Problems of the open draft, by node id, apart from the document so that a new problem draws one card. */
export const useProblems = create<{
  readonly list: readonly Problem[];
  readonly byNode: Readonly<Record<string, readonly Problem[]>>;
}>(() => ({ list: [], byNode: {} }));

/** Shows what validation found. */
export function showProblems(list: readonly Problem[]): void {
  const byNode: Record<string, Problem[]> = {};
  for (const problem of list) {
    if (problem.node === undefined) continue;
    const group = byNode[problem.node];
    if (group === undefined) byNode[problem.node] = [problem];
    else group.push(problem);
  }
  useProblems.setState({ list, byNode });
}
