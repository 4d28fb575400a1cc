import { type CatalogueFunction, nodeTypeCatalogue } from '@switchyard/pipeline';

/*
 * The parts of the guides that are made from the product's own catalogue. `npm run docs` writes them; a test says when they
 * are out of date.
 */

const BEGIN = '<!-- made by npm run docs -->';
const END = '<!-- end -->';

/** A guide and how its made part is made. */
export type MadePart = { readonly path: string; readonly make: () => string };

/** Every made part of the documentation. */
export const MADE_PARTS: readonly MadePart[] = [
  { path: 'docs/guides/expressions.md', make: functionTables },
  { path: 'docs/guides/nodes.md', make: nodeParagraphs },
];

/** The text of a guide with its made part anew. Throws when the guide has no place for it. */
export function withMade(text: string, made: string): string {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END, begin);
  if (begin < 0 || end < 0) throw new Error(`no ${BEGIN} … ${END}`);
  return `${text.slice(0, begin + BEGIN.length)}\n\n${made}\n\n${text.slice(end)}`;
}

const TITLES: Readonly<Record<string, string>> = {
  language: 'Of the language',
  text: 'Texts',
  number: 'Numbers',
  data: 'Values, objects and JSON',
  list: 'Lists',
  time: 'Times',
  code: 'Hashes and codes',
};

function functionTables(): string {
  const { functions } = nodeTypeCatalogue();
  return [...new Set(functions.map(({ category }) => category))]
    .map((category) => {
      const members = functions.filter((one) => one.category === category);
      return `### ${TITLES[category] ?? category}\n\n${functionTable(members)}`;
    })
    .join('\n\n');
}

const functionTable = (functions: readonly CatalogueFunction[]): string =>
  table([
    ['Function', 'Gives', 'Example'],
    ...functions.map(({ usage, help, example }) => [code(usage), cell(help), code(example)]),
  ]);

/** A Markdown table as the formatter of this repository leaves it: columns as wide as their widest cell. */
function table([head = [], ...rows]: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => [...(row[column] ?? '')].length)));
  const line = (cells: readonly string[]) => `| ${cells.map((text, i) => text.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const code = (text: string): string => `\`${cell(text)}\``;

const EFFECTS: Readonly<Record<string, string>> = {
  none: 'Changes nothing outside; it is run again after a crash.',
  repeatable: 'It is run again after a crash.',
  once: 'Acts once: what may have happened before a crash is not repeated in silence.',
};

function nodeParagraphs(): string {
  return nodeTypeCatalogue()
    .nodeTypes.map(({ id, title, help, outputs, pure, effect }) => {
      const ports = outputs.map(({ name }) => `\`${name}\``).join(', ');
      const crash = pure ? 'Evaluated where it stands.' : (EFFECTS[effect] ?? '');
      return `## ${title} (\`${id}\`)\n\n${help}\n\nPorts: ${ports === '' ? 'none' : ports}. ${crash}`;
    })
    .join('\n\n');
}
