import { type Report, type Source, visitNodes } from './source.ts';

/** Every exported name has a doc comment (star-star) that ends on the line before it. Re-exports are documented where they stand. */
export function checkDocComments(sources: readonly Source[]): Report {
  let exported = 0;
  const problems: string[] = [];
  for (const source of sources.filter((one) => !one.isTest && !/\.config\.ts$/.test(one.path))) {
    const docs = source.comments.filter((comment) => comment.type === 'Block' && comment.value.startsWith('*'));
    visitNodes(source.program, (node) => {
      const isExport = node.type === 'ExportNamedDeclaration' || node.type === 'ExportDefaultDeclaration';
      if (!isExport || !('declaration' in node) || node.declaration === null) return;
      exported++;
      const documented = docs.some(
        (doc) => doc.end <= node.start && source.text.slice(doc.end, node.start).trim() === '',
      );
      if (!documented) problems.push(`${source.path}:${source.lineOf(node.start)} exports without a doc comment`);
    });
  }
  return { gate: 'doc comments', looked: `${exported} exports`, count: exported, problems };
}

/** The type `any` appears nowhere, tests included. */
export function checkNoAny(sources: readonly Source[]): Report {
  let types = 0;
  const problems: string[] = [];
  for (const source of sources) {
    visitNodes(source.program, (node) => {
      if (node.type.startsWith('TS')) types++;
      if (node.type === 'TSAnyKeyword') problems.push(`${source.path}:${source.lineOf(node.start)} says any`);
    });
  }
  return { gate: 'no any', looked: `${types} type nodes in ${sources.length} files`, count: types, problems };
}
