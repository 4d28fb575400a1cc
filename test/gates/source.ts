import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Node, parseSync } from 'oxc-parser';

/** Root of the repository. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');

const NOT_OURS = new Set([
  'node_modules',
  'dist',
  'generated',
  '.git',
  '.turbo',
  '.switchyard',
  'training',
  'native',
  'peers',
]);
/** Checkpoints, and the scripts that made them. */
const WEIGHTS = join('engine', 'models');
/** The folders that hold the product's TypeScript. */
const ROOMS = ['apps', 'packages', 'engine', 'test'];

/** One import of a file; `typeOnly` ones vanish at run time. */
export type Import = { readonly specifier: string; readonly typeOnly: boolean; readonly line: number };

/** A parsed source file. `path` is relative to the root, with slashes. */
export type Source = {
  readonly path: string;
  readonly text: string;
  readonly isTest: boolean;
  readonly program: Node;
  readonly comments: readonly {
    readonly type: string;
    readonly value: string;
    readonly start: number;
    readonly end: number;
  }[];
  readonly imports: readonly Import[];
  /** Line number (from 1) of an offset. */
  readonly lineOf: (offset: number) => number;
};

/** What a gate found. `looked` counts what it examined: a gate that saw nothing fails. */
export type Report = {
  readonly gate: string;
  readonly looked: string;
  readonly count: number;
  readonly problems: readonly string[];
};

function* walkFolder(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (NOT_OURS.has(entry.name) || path.endsWith(WEIGHTS)) continue;
    if (entry.isDirectory()) yield* walkFolder(path);
    else if (/\.tsx?$/.test(entry.name) && !entry.name.endsWith('.d.ts')) yield path;
  }
}

/** Calls `visit` for every node of the tree, parents first, with the path of ancestors. */
export function visitNodes(root: Node, visit: (node: Node, parents: readonly Node[]) => void): void {
  const parents: Node[] = [];
  const step = (value: unknown): void => {
    if (Array.isArray(value)) for (const one of value) step(one);
    else if (isNode(value)) {
      visit(value, parents);
      parents.push(value);
      for (const [key, child] of Object.entries(value)) if (key !== 'type') step(child);
      parents.pop();
    }
  };
  step(root);
}

function isNode(value: unknown): value is Node {
  return (
    typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string' && 'start' in value
  );
}

/** A source file from its text; `path` decides what it may do. Throws when it does not parse. */
export function parseSource(path: string, text: string): Source {
  const { program, comments, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);
  const starts = [0, ...[...text.matchAll(/\n/g)].map((match) => match.index + 1)];
  const lineOf = (offset: number): number => {
    const after = starts.findIndex((start) => start > offset);
    return after === -1 ? starts.length : after;
  };
  return {
    path,
    text,
    isTest: path.startsWith('test/') || /\.test\.tsx?$/.test(path),
    program,
    comments,
    imports: findImports(program, lineOf),
    lineOf,
  };
}

/** Static, re-exporting and dynamic imports, `import('…')` types too. */
function findImports(program: Node, lineOf: (offset: number) => number): Import[] {
  const found: Import[] = [];
  visitNodes(program, (node) => {
    const add = (source: unknown, typeOnly: boolean): void => {
      if (isNode(source) && source.type === 'Literal' && typeof source.value === 'string') {
        found.push({ specifier: source.value, typeOnly, line: lineOf(node.start) });
      }
    };
    if (node.type === 'ImportDeclaration') add(node.source, onlyTypes(node.importKind, node.specifiers));
    else if (node.type === 'ExportNamedDeclaration') add(node.source, onlyTypes(node.exportKind, node.specifiers));
    else if (node.type === 'ExportAllDeclaration') add(node.source, node.exportKind === 'type');
    else if (node.type === 'ImportExpression') add(node.source, false);
    else if (node.type === 'TSImportType') add(node.source, true);
  });
  return found;
}

function onlyTypes(kind: unknown, specifiers: readonly object[]): boolean {
  const typed = (one: object): boolean =>
    ('importKind' in one && one.importKind === 'type') || ('exportKind' in one && one.exportKind === 'type');
  return kind === 'type' || (specifiers.length > 0 && specifiers.every(typed));
}

/** Every TypeScript file of ours, generated code left out. */
export function readSources(): readonly Source[] {
  return ROOMS.flatMap((room) => [...walkFolder(join(ROOT, room))]).map((file) =>
    parseSource(relative(ROOT, file).replaceAll('\\', '/'), readFileSync(file, 'utf8')),
  );
}

/** Numbers of the lines that hold code: neither blank nor comment alone. */
export function codeLines(source: Source): ReadonlySet<number> {
  const bare = [...source.text];
  for (const { start, end } of source.comments) {
    for (let at = start; at < end; at++) if (bare[at] !== '\n') bare[at] = ' ';
  }
  const lines = bare.join('').split('\n');
  return new Set(lines.flatMap((line, index) => (line.trim() === '' ? [] : [index + 1])));
}
