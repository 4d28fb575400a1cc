import type { PipelineDocument } from '../document.ts';
import { compileGraph } from '../graph.ts';
import { checkExpressions } from './expressions.ts';
import { checkLoops } from './loops.ts';
import { checkNodes } from './nodes.ts';
import type { Problem } from './problem.ts';
import { checkStructure } from './structure.ts';
import { checkTriggers } from './triggers.ts';

/**
 * Every problem of a document, each named with its node or edge; the same for the same document. Empty of errors means
 * that it can be published, compiled and run. Never throws on a document `parseDocument` gave.
 */
export function validate(document: PipelineDocument): readonly Problem[] {
  const graph = compileGraph(document);
  return [
    ...checkNodes(document),
    ...checkStructure(document, graph),
    ...checkLoops(graph),
    ...checkTriggers(document, graph),
    ...checkExpressions(graph),
  ];
}
